"""What went wrong in a read is told once, at its end: one message, in which bots with the same fault share a sentence.

Several programs that read the stream drop everything that follows an ERROR trace; so one bot's must not come before
the records of the others. The log has each fault at the moment when it happens."""

import logging
import re
import traceback
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from airbyte_cdk.models import AirbyteErrorTraceMessage, AirbyteMessage, AirbyteStreamStatus, FailureType
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_kore_llm_logs.errors import Fault, FaultTrace

logger = logging.getLogger("airbyte")

FINAL = (AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE)
GRAVEST_FIRST = (FailureType.config_error, FailureType.system_error, FailureType.transient_error)
REMARK = "An unexpected error occurred in stream"  # So begins the CDK's message of an exception, whose kind ends it.
QUOTED = re.compile(r"'.*'|\".*\"|\[.*\]|\{.*\}", re.DOTALL)  # Of an exception's text: it may be a row's or a secret.
LONGEST_TEXT, FRAMES = 200, 8


def unforeseen(error: Exception) -> Fault:
    """A system error in a sentence, for an exception that is none of ours. The log has the line to send."""
    logger.error("", exc_info=error)
    return _unforeseen(type(error).__name__)


def _unforeseen(kind: str) -> Fault:
    send = "Please send the line of the log that begins with 'Unforeseen' to the maintainers."
    return Fault(f"The connector failed in a way that was not foreseen ({kind}). {send}", FailureType.system_error)


def log_line(error: BaseException) -> str:
    """What a maintainer needs of an exception: its kind, its text without what is quoted, its innermost frames."""
    text = " ".join(QUOTED.sub("…", filter_secrets(str(error))).split())[:LONGEST_TEXT]
    frames = traceback.extract_tb(error.__traceback__)[: -FRAMES - 1 : -1]
    places = " < ".join(f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
    return f"Unforeseen: {type(error).__name__}: {text} in {places}"


def grouped(faults: list[Fault], bots: Iterable[str]) -> str:
    """One text of the faults of `bots`, each told once; bots with the same fault share its sentence."""
    failed = {fault.bot_id for fault in faults}
    are_others_answered = None not in failed and not failed.issuperset(bots)
    groups: dict[str, dict[str | None, str]] = {}
    for fault in faults:
        what = fault.where_others_are_answered if are_others_answered else fault.what
        sentence = what.replace(fault.bot_id, "this bot") if fault.bot_id else what
        groups.setdefault(sentence, {})[fault.bot_id] = f"Bot {fault.bot_id}: {what}" if fault.bot_id else what
    return " ".join(
        next(iter(of_bots.values()))
        if len(of_bots) == 1
        else f"{len(of_bots)} bots: {sentence.rstrip('.')}. These are the bots {', '.join(map(str, of_bots))}."
        for sentence, of_bots in groups.items()
    )


def faults_at_the_end(messages: Iterable[AirbyteMessage], bots: Iterable[str]) -> Iterator[AirbyteMessage]:
    """The messages of a read of `bots` without its ERROR traces; the stream's final status is the last of them. Raises
    one Fault with all that went wrong, of the gravest kind: a config error, which only a person can mend."""
    faults, final = list[Fault](), list[AirbyteMessage]()
    try:
        for message in messages:
            trace = message.trace
            if trace and trace.error:
                faults.append(message.fault if isinstance(message, FaultTrace) else _fault(trace.error))
            elif trace and trace.stream_status and trace.stream_status.status in FINAL:
                final.append(message)
            else:
                yield message
    except AirbyteTracedException as error:
        # With a config error the CDK ends a read whose faults it has told; anything else is another fault.
        if not faults or error.failure_type is not FailureType.config_error:
            faults.append(error if isinstance(error, Fault) else Fault(str(error), error.failure_type))
    except Exception as error:
        faults.append(unforeseen(error))
    yield from final
    if faults:
        kinds = {fault.failure_type for fault in faults}
        raise Fault(grouped(faults, bots), next(kind for kind in GRAVEST_FIRST if kind in kinds))


def _fault(error: AirbyteErrorTraceMessage) -> Fault:
    if error.message.startswith(REMARK):
        return _unforeseen(error.message.rpartition(": ")[2])
    return Fault(error.message, error.failure_type or FailureType.system_error)
