"""The errors of a read, reported once at its end: one message, in which bots with the same error share a sentence.

Several programs that read the stream drop everything after an ERROR trace, so the trace of one bot must not come before
the records of the others. The log shows each error when it happens."""

import logging
import re
import traceback
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from airbyte_cdk.models import AirbyteErrorTraceMessage, AirbyteMessage, AirbyteStreamStatus, FailureType
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_kore_llm_logs.errors import ConnectorError, ErrorTraceMessage

logger = logging.getLogger("airbyte")

FINAL = (AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE)
MOST_SEVERE_FIRST = (FailureType.config_error, FailureType.system_error, FailureType.transient_error)
UNEXPECTED = (
    "An unexpected error occurred in stream"  # The CDK's message begins so, and ends with the exception's type.
)
QUOTED = re.compile(r"'.*'|\".*\"|\[.*\]|\{.*\}", re.DOTALL)  # In an exception's text: may be row data or a secret.
LONGEST_TEXT, FRAMES = 200, 8


def unexpected_error(error: Exception) -> ConnectorError:
    """A system error for an exception that is not a ConnectorError. Logs what a maintainer needs of it."""
    logger.error("", exc_info=error)
    return _unexpected_error(type(error).__name__)


def _unexpected_error(kind: str) -> ConnectorError:
    send = "Please send the line of the log that begins with 'Unforeseen' to the maintainers."
    what = f"The connector failed in a way that was not foreseen ({kind}). {send}"
    return ConnectorError(what, FailureType.system_error)


def log_line(error: BaseException) -> str:
    """What a maintainer needs of an exception: its type, its text without quoted parts, and its innermost frames."""
    text = " ".join(QUOTED.sub("…", filter_secrets(str(error))).split())[:LONGEST_TEXT]
    frames = traceback.extract_tb(error.__traceback__)[: -FRAMES - 1 : -1]
    places = " < ".join(f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
    return f"Unforeseen: {type(error).__name__}: {text} in {places}"


def grouped(errors: list[ConnectorError], bots: Iterable[str]) -> str:
    """One text for all errors of a command that reads `bots`. Bots with the same error share a sentence."""
    failed = {error.bot_id for error in errors}
    do_others_work = None not in failed and not failed.issuperset(bots)
    groups: dict[str, dict[str | None, str]] = {}
    for error in errors:
        what = error.what_if_others_work if do_others_work else error.what
        sentence = what.replace(error.bot_id, "this bot") if error.bot_id else what
        groups.setdefault(sentence, {})[error.bot_id] = f"Bot {error.bot_id}: {what}" if error.bot_id else what
    return " ".join(
        next(iter(of_bots.values()))
        if len(of_bots) == 1
        else f"{len(of_bots)} bots: {sentence.rstrip('.')}. These are the bots {', '.join(map(str, of_bots))}."
        for sentence, of_bots in groups.items()
    )


def errors_at_the_end(messages: Iterable[AirbyteMessage], bots: Iterable[str]) -> Iterator[AirbyteMessage]:
    """The messages of a read of `bots` without ERROR traces, the stream's final status last. Then raises one
    ConnectorError for all errors, with the most severe failure type: a config error does not pass by itself."""
    errors, final = list[ConnectorError](), list[AirbyteMessage]()
    try:
        for message in messages:
            trace = message.trace
            if trace and trace.error:
                errors.append(message.error if isinstance(message, ErrorTraceMessage) else _error_of(trace.error))
            elif trace and trace.stream_status and trace.stream_status.status in FINAL:
                final.append(message)
            else:
                yield message
    except AirbyteTracedException as error:
        # After ERROR traces the CDK ends the read with a config error that adds nothing to them.
        if not errors or error.failure_type is not FailureType.config_error:
            errors.append(
                error if isinstance(error, ConnectorError) else ConnectorError(str(error), error.failure_type)
            )
    except Exception as error:
        errors.append(unexpected_error(error))
    yield from final
    if errors:
        types = {error.failure_type for error in errors}
        raise ConnectorError(grouped(errors, bots), next(kind for kind in MOST_SEVERE_FIRST if kind in types))


def _error_of(trace: AirbyteErrorTraceMessage) -> ConnectorError:
    if trace.message.startswith(UNEXPECTED):
        return _unexpected_error(trace.message.rpartition(": ")[2])
    return ConnectorError(trace.message, trace.failure_type or FailureType.system_error)
