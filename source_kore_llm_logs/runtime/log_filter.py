"""One sentence for each fault, where the CDK would print a stack trace or a general remark."""

import logging
import sys
from collections.abc import Iterable, Iterator

from airbyte_cdk.models import AirbyteMessage, FailureType, TraceType, Type
from airbyte_cdk.sources.streams.http.exceptions import UserDefinedBackoffException
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_kore_llm_logs.errors import Fault

UNSHOWN = ("headers", "body")
"""What the CDK adds to its debug lines about requests and answers: tokens and payloads."""


class SentenceFilter(logging.Filter):
    """Says in the log what is known of a fault: its sentence instead of its stack trace; no token, no payload."""

    def filter(self, record: logging.LogRecord) -> bool:
        for name in UNSHOWN:
            if name in record.__dict__:
                record.__dict__[name] = "not shown"
        fault = record.exc_info[1] if record.exc_info else None
        if isinstance(fault, Fault):
            record.msg, record.args, record.exc_info, record.exc_text = fault.message, (), None, None
        waiting = sys.exc_info()[1]
        if isinstance(waiting, UserDefinedBackoffException) and "Retrying in" in record.getMessage():
            record.msg = f"{waiting} Trying again in {float(waiting.backoff) + 1:.0f} s."
            record.args = ()
        return True


def install() -> None:
    """Puts the filter on every handler that writes the connector's log."""
    for logger in (logging.getLogger(), logging.getLogger("airbyte")):
        for handler in logger.handlers:
            if not any(isinstance(known, SentenceFilter) for known in handler.filters):
                handler.addFilter(SentenceFilter())


def each_fault_once(messages: Iterable[AirbyteMessage]) -> Iterator[AirbyteMessage]:
    """The messages of a read, with each fault told once.

    Raises AirbyteTracedException at the end, with all faults in one message, if the read failed.
    """
    told: dict[str, FailureType] = {}
    try:
        for message in messages:
            if message.type is Type.TRACE and message.trace and message.trace.type is TraceType.ERROR:
                error = message.trace.error
                if error is not None and error.failure_type is not FailureType.system_error:
                    if error.message in told:
                        continue
                    told[error.message] = error.failure_type or FailureType.transient_error
                    error.stack_trace = None
            yield message
    except AirbyteTracedException as failed:
        if not told:
            raise
        config = FailureType.config_error in told.values()
        raise Fault(
            message=" ".join(told),
            failure_type=FailureType.config_error if config else FailureType.transient_error,
        ) from failed
