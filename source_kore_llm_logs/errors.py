"""Errors that end in one sentence for the user: which bot or field is wrong, and what to do."""

from typing import Literal

from airbyte_cdk.models import AirbyteMessage, FailureType, StreamDescriptor
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

ErrorCategory = Literal["arguments", "page_size", "not_found", "server_error", "unreachable"]
"""An error that another request may avoid: the API refused the arguments; cannot serve a page of this size (413, or two
time-outs); answered 404; failed at every try; or cannot be reached for any bot."""


class ConnectorError(AirbyteTracedException):
    """An expected failure, with one sentence for the user. `what_if_others_work` replaces `what` in it if the same host
    answers requests for other bots."""

    def __init__(
        self,
        what: str,
        failure_type: FailureType = FailureType.config_error,
        bot_id: str | None = None,
        what_if_others_work: str | None = None,
        category: ErrorCategory | None = None,
    ):
        self.what, self.bot_id, self.category = what, bot_id, category
        self.what_if_others_work = what_if_others_work or what
        message = f"Bot {bot_id}: {what}" if bot_id else what
        super().__init__(message, message, failure_type)
        self.message: str = message

    def as_airbyte_message(self, stream_descriptor: StreamDescriptor | None = None) -> AirbyteMessage:
        return ErrorTraceMessage(self, super().as_airbyte_message(stream_descriptor))


class ErrorTraceMessage(AirbyteMessage):
    """An ERROR trace that keeps its ConnectorError, so that the end of a read can group errors."""

    def __init__(self, error: ConnectorError, message: AirbyteMessage):
        super().__init__(type=message.type, trace=message.trace)
        self.error = error
