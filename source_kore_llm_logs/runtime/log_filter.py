"""What the log may say: a sentence for each fault where the CDK would print a stack trace, no secret, no payload."""

import logging
import sys

from airbyte_cdk.sources.streams.http.exceptions import UserDefinedBackoffException
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_kore_llm_logs.runtime.stdout import Stdout
from source_kore_llm_logs.runtime.unforeseen import log_line

HIDDEN_EXTRAS = ("headers", "body")
"""What the CDK adds to its debug lines about requests and answers: tokens and payloads."""
REPETITION = "During the sync, the following streams did not sync successfully"
"""How the CDK's line begins in which it repeats every exception, text and all, at the end."""


class SentenceFilter(logging.Filter):
    """Rewrites a record of the log before it is formatted. Thread-safe."""

    def filter(self, record: logging.LogRecord) -> bool:
        """False for a line that only repeats others."""
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
        return not record.getMessage().startswith(REPETITION)


def install(stdout: Stdout) -> None:
    """Puts the filter on the handlers of the connector's log, which write to `stdout` from here on."""
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # It warns of headers that it then reads all the same.
    for handler in logging.getLogger().handlers:
        handler.addFilter(SentenceFilter())
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(stdout)
