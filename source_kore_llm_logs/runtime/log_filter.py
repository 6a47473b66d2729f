"""What the log may say: a sentence for each fault where the CDK would print a stack trace, no secret, no payload."""

import logging
import sys

from airbyte_cdk.sources.streams.http.exceptions import UserDefinedBackoffException
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_kore_llm_logs.runtime.output import Stdout, tell
from source_kore_llm_logs.runtime.unforeseen import log_line

HIDDEN_EXTRAS = ("headers", "body")
"""What the CDK adds to its debug lines about requests and answers: tokens and payloads."""
NOT_SAID = ("During the sync, the following streams did not sync successfully", "MemoryMonitor instantiated")
"""How lines of the CDK begin that tell a person nothing: every exception again, text and all; its own thresholds."""


class SentenceFilter(logging.Filter):
    """Rewrites a record of the log before it is formatted. Thread-safe."""

    def filter(self, record: logging.LogRecord) -> bool:
        """False for a line that is not said."""
        for name in HIDDEN_EXTRAS:
            if name in record.__dict__:
                record.__dict__[name] = "not shown"
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            known = isinstance(error, AirbyteTracedException) and error.message is not None
            record.msg, record.args = str(error) if known else log_line(error), ()
            record.exc_info = record.exc_text = None
        waiting = sys.exc_info()[1]
        if isinstance(waiting, UserDefinedBackoffException) and "Retrying in" in record.getMessage():
            record.msg = f"{waiting} Trying again in {float(waiting.backoff) + 1:.0f} s."
            record.args = ()
        return not record.getMessage().startswith(NOT_SAID)


class PlainLines(logging.Handler):
    """Writes the log to stderr for a person: the bare sentences, without a secret. Thread-safe."""

    def emit(self, record: logging.LogRecord) -> None:
        tell(filter_secrets(record.getMessage()))


def install(stdout: Stdout, to_stderr: int | None) -> None:
    """Puts the filter on the handlers of the connector's log, which write to `stdout` from here on.

    Lines of the level `to_stderr` and above are written to stderr, too; with None, no line is.
    """
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # It warns of headers that it then reads all the same.
    log = logging.getLogger()
    if to_stderr is not None:
        log.addHandler(PlainLines(to_stderr))
    for handler in log.handlers:
        handler.addFilter(SentenceFilter())
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(stdout)
