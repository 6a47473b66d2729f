"""What went wrong, each in one sentence that a person can read: the name of the field or the bot, and what to do."""

from typing import Literal

from airbyte_cdk.models import AirbyteMessage, FailureType, StreamDescriptor
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

About = Literal["arguments", "page_size", "not_found", "fault", "host"]
"""What another request might still mend: the API refused the arguments; cannot make a page of this size (413, or it
times out at it); answered 404; failed, again and again; or cannot be reached, by any bot's request."""


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
        about: About | None = None,
    ):
        self.what, self.bot_id, self.about = what, bot_id, about
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
