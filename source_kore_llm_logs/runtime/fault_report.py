"""What went wrong in a read is told once, at its end: one message, in which bots with the same fault share a sentence.

Several programs that read the stream drop everything that follows an ERROR trace; so one bot's must not come before
the records of the others. The log has each fault at the moment when it happens, so that a killed read has told it too.
"""

from collections.abc import Iterable, Iterator

from airbyte_cdk.models import AirbyteErrorTraceMessage, AirbyteMessage, AirbyteStreamStatus, FailureType, TraceType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_kore_llm_logs.errors import Fault, FaultTrace
from source_kore_llm_logs.runtime.unforeseen import unforeseen, unforeseen_in_trace

GENERAL_REMARKS = ("An unexpected error occurred in stream", "Something went wrong in the connector")
"""How the CDK's message begins where it knows no more than an exception."""
FINAL = (AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE)
GRAVEST_FIRST = (FailureType.config_error, FailureType.system_error, FailureType.transient_error)


def grouped(faults: Iterable[Fault], bots: Iterable[str]) -> str:
    """One text of the faults of `bots`, each told once; bots with the same fault share its sentence."""
    faults = list(faults)
    failed = {fault.bot_id for fault in faults}
    are_others_answered = None not in failed and not failed.issuperset(bots)
    groups: dict[str, dict[str | None, str]] = {}
    for fault in faults:
        what = fault.where_others_are_answered if are_others_answered else fault.what
        sentence = what.replace(fault.bot_id, "this bot") if fault.bot_id else what
        groups.setdefault(sentence, {}).setdefault(
            fault.bot_id, f"Bot {fault.bot_id}: {what}" if fault.bot_id else what
        )
    return " ".join(
        next(iter(bots.values()))
        if len(bots) == 1
        else f"{len(bots)} bots: {sentence.rstrip('.')}. These are the bots {', '.join(map(str, bots))}."
        for sentence, bots in groups.items()
    )


def faults_at_the_end(messages: Iterable[AirbyteMessage], bots: Iterable[str]) -> Iterator[AirbyteMessage]:
    """The messages of a read of `bots` without its ERROR traces; the stream's final status is the last of them.

    Raises one Fault with all that went wrong, after the last message, if anything did. (The CDK sends the last STATE
    behind the final status, after which the protocol expects nothing more of the stream.)
    """
    faults: list[Fault] = []
    final: list[AirbyteMessage] = []
    cause: Exception | None = None
    try:
        for message in messages:
            trace = message.trace
            if isinstance(message, FaultTrace):
                faults.append(message.fault)
            elif trace and trace.type is TraceType.ERROR and trace.error:
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
        raise together(faults, bots) from cause


def together(faults: list[Fault], bots: Iterable[str]) -> Fault:
    """One of them all. A config error weighs most: only a person can mend it."""
    kinds = {fault.failure_type for fault in faults}
    return Fault(grouped(faults, bots), next(kind for kind in GRAVEST_FIRST if kind in kinds))


def _fault(error: AirbyteErrorTraceMessage) -> Fault:
    if error.message.startswith(GENERAL_REMARKS):
        return unforeseen_in_trace(error.message.rpartition(": ")[2], error.internal_message)
    return Fault(error.message, error.failure_type or FailureType.system_error)
