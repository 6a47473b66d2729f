"""What went wrong, each in one sentence that a person can read: the name of the field or the bot, and what to do."""

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException


class Fault(AirbyteTracedException):
    """Something that a person can read in one sentence, and that needs no stack trace."""

    def __init__(self, message: str, failure_type: FailureType = FailureType.config_error):
        super().__init__(message=message, internal_message=message, failure_type=failure_type)
        self.message: str = message


class RequestRefused(Fault):
    """The API refused the arguments (412, or another 4xx of the kind); `words` are the vendor's."""

    def __init__(self, bot_id: str, status: int, words: str):
        self.words = words
        super().__init__(
            message=f"Bot {bot_id}: the API refused the request with status {status}: {words}. "
            "Check the filters of the configuration (channels, feature_names, task_id, user_ids)."
        )


class PageTooLarge(Fault):
    """The API cannot make a page of this size (413, or it times out at it)."""


class RetriesExhausted(Fault):
    """A fault that did not go away."""


class HostUnreachable(RetriesExhausted):
    """No connection to the host: no other bot need be tried."""
