"""Faults are told once, at the end, and bots with the same one share a sentence."""

from collections.abc import Iterator

import pytest
from airbyte_cdk.models import (
    AirbyteErrorTraceMessage,
    AirbyteLogMessage,
    AirbyteMessage,
    AirbyteStreamStatus,
    AirbyteStreamStatusTraceMessage,
    AirbyteTraceMessage,
    FailureType,
    Level,
    StreamDescriptor,
    TraceType,
    Type,
)
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_kore_llm_logs.errors import Fault
from source_kore_llm_logs.runtime.fault_report import faults_at_the_end, grouped

LINE = AirbyteMessage(type=Type.LOG, log=AirbyteLogMessage(level=Level.INFO, message="a line"))


BOTS = ["a", "b"]


def trace(message: str, kind: FailureType = FailureType.config_error, text: str = "") -> AirbyteMessage:
    error = AirbyteErrorTraceMessage(message=message, failure_type=kind, internal_message=text, stack_trace="secret")
    return AirbyteMessage(type=Type.TRACE, trace=AirbyteTraceMessage(TraceType.ERROR, emitted_at=0.0, error=error))


def of(bot: str | None, what: str, kind: FailureType = FailureType.config_error, others: str | None = None) -> Fault:
    return Fault(what, kind, bot, others)


def told(bot: str, what: str, kind: FailureType = FailureType.config_error) -> AirbyteMessage:
    return of(bot, what, kind).as_airbyte_message()


def test_bots_with_the_same_fault_share_a_sentence() -> None:
    assert grouped([of("a", "no scope.")], BOTS) == "Bot a: no scope."
    assert grouped([], BOTS) == ""
    assert grouped([of("a", "no scope."), of("b", "wrong secret.")], BOTS) == "Bot a: no scope. Bot b: wrong secret."
    down = of(None, "It is down.")
    assert grouped([of("a", "no scope."), down, of("b", "no scope."), down], BOTS) == (
        "2 bots: no scope. These are the bots a, b. It is down."
    )


def test_a_sentence_that_names_the_bot_again_is_still_the_same() -> None:
    bots = [f"st-{n}" for n in range(200)]
    many = grouped([of(bot, f"'{bot}' is unknown. The API said: '{bot}'.") for bot in bots], bots)
    assert many.count("is unknown") == 1
    assert many.startswith("200 bots: 'this bot' is unknown.")
    assert "st-0, st-1," in many
    assert many.endswith("st-199.")


def test_what_all_bots_share_is_suspected_only_where_none_was_answered() -> None:
    faults = [of("a", "wrong secret.", others="wrong bot id.")]
    assert grouped(faults, ["a"]) == "Bot a: wrong secret."
    assert grouped(faults, ["a", "b"]) == "Bot a: wrong bot id."
    # Nobody knows of the others where something failed for all of them.
    assert grouped([*faults, of(None, "It is down.")], ["a", "b"]) == "Bot a: wrong secret. It is down."


def test_error_traces_are_held_back_until_the_last_message() -> None:
    def read() -> Iterator[AirbyteMessage]:
        yield told("a", "no scope.")
        yield LINE
        yield told("b", "no scope.", FailureType.transient_error)
        yield LINE
        raise AirbyteTracedException(message="all", failure_type=FailureType.config_error)

    messages = faults_at_the_end(read(), BOTS)
    assert [next(messages), next(messages)] == [LINE, LINE]
    with pytest.raises(Fault, match=r"^2 bots: no scope\. These are the bots a, b\.$") as raised:
        next(messages)
    assert raised.value.failure_type is FailureType.config_error


def test_a_read_that_ends_as_if_nothing_had_been_is_a_failure_all_the_same() -> None:
    with pytest.raises(Fault, match=r"^Bot a: down\.$") as raised:
        list(faults_at_the_end([told("a", "down.", FailureType.transient_error)], BOTS))
    assert raised.value.failure_type is FailureType.transient_error


def test_what_ends_the_read_besides_is_told_too() -> None:
    def out_of_memory() -> Iterator[AirbyteMessage]:
        yield told("a", "no scope.")
        raise AirbyteTracedException(message="Out of memory.", failure_type=FailureType.system_error)

    with pytest.raises(Fault, match=r"^Bot a: no scope\. Out of memory\.$"):
        list(faults_at_the_end(out_of_memory(), BOTS))

    def broken() -> Iterator[AirbyteMessage]:
        yield LINE
        raise KeyError("what a user wrote")

    with pytest.raises(Fault, match="KeyError") as raised:
        list(faults_at_the_end(broken(), BOTS))
    assert "what a user wrote" not in str(raised.value)


def test_nothing_of_the_stream_follows_its_final_status() -> None:
    status = AirbyteStreamStatusTraceMessage(StreamDescriptor(name="s"), AirbyteStreamStatus.INCOMPLETE)
    ended = AirbyteMessage(
        type=Type.TRACE, trace=AirbyteTraceMessage(TraceType.STREAM_STATUS, emitted_at=0.0, stream_status=status)
    )
    messages = faults_at_the_end([told("a", "down."), ended, LINE], BOTS)
    assert [next(messages), next(messages)] == [LINE, ended]
    with pytest.raises(Fault, match="down"):
        next(messages)


def test_the_general_remark_of_the_cdk_says_what_it_was() -> None:
    message = trace(
        "An unexpected error occurred in stream s: TypeError", FailureType.system_error, "'int' object is not iterable"
    )
    with pytest.raises(Fault, match=r"not foreseen: TypeError: 'int' object is not iterable\. Please send"):
        list(faults_at_the_end([message], BOTS))
