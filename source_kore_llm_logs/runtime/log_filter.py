"""Keeps the log readable and safe: a sentence instead of the CDK's stack traces, no secret, no payload."""

import logging
import sys

from airbyte_cdk.sources.streams.http.exceptions import UserDefinedBackoffException
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_kore_llm_logs.runtime.error_report import log_line
from source_kore_llm_logs.runtime.output import Stdout, to_stderr

HIDDEN_EXTRAS = ("headers", "body")  # In the CDK's debug lines about requests and responses: tokens and payloads.
# Lines of the CDK that repeat every exception with its text, or print its own memory thresholds.
LEFT_OUT = ("During the sync, the following streams did not sync successfully", "MemoryMonitor instantiated")


class SentenceFilter(logging.Filter):
    """Rewrites a log record before it is formatted; False drops it. Thread-safe."""

    def filter(self, record: logging.LogRecord) -> bool:
        vars(record).update({name: "not shown" for name in HIDDEN_EXTRAS if name in vars(record)})
        error, retried = record.exc_info[1] if record.exc_info else None, sys.exc_info()[1]
        if error is not None:
            record.msg, record.args = str(error) if isinstance(error, AirbyteTracedException) else log_line(error), ()
            record.exc_info = record.exc_text = None
            vars(record)["is_printed_at_the_end"] = isinstance(error, AirbyteTracedException)
        elif isinstance(retried, UserDefinedBackoffException) and "Retrying in" in record.getMessage():
            record.msg, record.args = f"{retried} Trying again in {float(retried.backoff) + 1:.0f} s.", ()
        return not record.getMessage().startswith(LEFT_OUT)


class PlainLines(logging.Handler):
    """Writes log messages to stderr, without secrets. At a level of warnings or above, it leaves out the errors that
    the command prints at its end anyway. Thread-safe."""

    def emit(self, record: logging.LogRecord) -> None:
        if self.level < logging.WARNING or not vars(record).get("is_printed_at_the_end"):
            to_stderr(filter_secrets(record.getMessage()))


def install(stdout: Stdout, level_on_stderr: int | None) -> None:
    """Sends the log through `SentenceFilter` to `stdout`; messages of at least `level_on_stderr` go to stderr, too."""
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # It warns of headers that it accepts anyway.
    log = logging.getLogger()
    if level_on_stderr is not None:
        log.addHandler(PlainLines(level_on_stderr))
    for handler in log.handlers:
        handler.addFilter(SentenceFilter())
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(stdout)
