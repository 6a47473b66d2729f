"""What went wrong in a read is told once, at its end: one message, in which bots with the same fault share a sentence.

Several programs that read the stream drop everything that follows an ERROR trace; so one bot's must not come before
the records of the others. The log has each fault at the moment when it happens, so that a killed read has told it too.
"""

import re
from collections.abc import Iterable, Iterator

from airbyte_cdk.models import AirbyteErrorTraceMessage, AirbyteMessage, AirbyteStreamStatus, FailureType, TraceType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_kore_llm_logs.errors import Fault
from source_kore_llm_logs.runtime.unforeseen import unforeseen, unforeseen_in_trace

OF_A_BOT = re.compile(r"Bot (?P<bot>[A-Za-z0-9][A-Za-z0-9._-]*): (?P<sentence>.+)", re.DOTALL)
GENERAL_REMARKS = ("An unexpected error occurred in stream", "Something went wrong in the connector")
"""How the CDK's message begins where it knows no more than an exception."""
FINAL = (AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE)
GRAVEST_FIRST = (FailureType.config_error, FailureType.system_error, FailureType.transient_error)


def grouped(messages: Iterable[str]) -> str:
    """One text of many messages, each told once; bots with the same sentence (`Bot <id>: <sentence>`) share it."""
    groups: dict[str, dict[str, str]] = {}
    for message in messages:
        found = OF_A_BOT.fullmatch(message)
        bot = found["bot"] if found else ""
        sentence = found["sentence"].replace(bot, "this bot") if found else message
        groups.setdefault(sentence, {}).setdefault(bot, message)
    return " ".join(
        next(iter(bots.values()))
        if len(bots) == 1
        else f"{len(bots)} bots: {sentence.rstrip('.')}. These are the bots {', '.join(bots)}."
        for sentence, bots in groups.items()
    )


def faults_at_the_end(messages: Iterable[AirbyteMessage]) -> Iterator[AirbyteMessage]:
    """The messages of a read without its ERROR traces; the stream's final status is the last of them.

    Raises one Fault with all that went wrong, after the last message, if anything did. (The CDK sends the last STATE
    behind the final status, after which the protocol expects nothing more of the stream.)
    """
    faults: list[Fault] = []
    final: list[AirbyteMessage] = []
    cause: Exception | None = None
    try:
        for message in messages:
            trace = message.trace
            if trace and trace.type is TraceType.ERROR and trace.error:
                faults.append(_fault(trace.error))
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
        cause = error
    yield from final
    if faults:
        raise together(faults) from cause


def together(faults: list[Fault]) -> Fault:
    """One of them all. A config error weighs most: only a person can mend it."""
    kinds = {fault.failure_type for fault in faults}
    return Fault(grouped(fault.message for fault in faults), next(kind for kind in GRAVEST_FIRST if kind in kinds))


def _fault(error: AirbyteErrorTraceMessage) -> Fault:
    if error.message.startswith(GENERAL_REMARKS):
        return unforeseen_in_trace(error.message.rpartition(": ")[2], error.internal_message)
    return Fault(error.message, error.failure_type or FailureType.system_error)
