"""What went wrong, each in one sentence that a person can read: the name of the field or the bot, and what to do."""

from airbyte_cdk.models import AirbyteMessage, FailureType, StreamDescriptor
from airbyte_cdk.utils.traced_exception import AirbyteTracedException


class Fault(AirbyteTracedException):
    """A failure that needs no stack trace. `message` is the sentence; that of a bot begins with its id.

    `where_others_are_answered` replaces `what` once another bot was answered by the same host.
    """

    def __init__(
        self,
        what: str,
        failure_type: FailureType = FailureType.config_error,
        bot_id: str | None = None,
        where_others_are_answered: str | None = None,
    ):
        self.what, self.bot_id = what, bot_id
        self.where_others_are_answered = where_others_are_answered or what
        message = f"Bot {bot_id}: {what}" if bot_id else what
        super().__init__(message, message, failure_type)
        self.message: str = message

    def as_airbyte_message(self, stream_descriptor: StreamDescriptor | None = None) -> AirbyteMessage:
        return FaultTrace(self, super().as_airbyte_message(stream_descriptor))


class FaultTrace(AirbyteMessage):
    """The ERROR trace of a fault, which carries it through the CDK to the end of a read."""

    def __init__(self, fault: Fault, message: AirbyteMessage):
        super().__init__(type=message.type, trace=message.trace)
        self.fault = fault


class RequestRefused(Fault):
    """The API refused the arguments (412, or another 4xx of the kind). `words` are the vendor's."""

    def __init__(self, what: str, bot_id: str, words: str):
        super().__init__(what, bot_id=bot_id)
        self.words = words


class NotFound(Fault):
    """The API answered 404, and did not say that it is about the bot."""


class PageTooLarge(Fault):
    """The API cannot make a page of this size (413, or it times out at it)."""


class RetriesExhausted(Fault):
    """A fault that did not go away."""


class HostUnreachable(RetriesExhausted):
    """No connection to the host: no other bot need be tried."""
