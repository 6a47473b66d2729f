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


def trace(message: str, kind: FailureType = FailureType.config_error, text: str = "") -> AirbyteMessage:
    error = AirbyteErrorTraceMessage(message=message, failure_type=kind, internal_message=text, stack_trace="secret")
    return AirbyteMessage(type=Type.TRACE, trace=AirbyteTraceMessage(TraceType.ERROR, emitted_at=0.0, error=error))


def test_bots_with_the_same_fault_share_a_sentence() -> None:
    assert grouped(["Bot a: no scope."]) == "Bot a: no scope."
    assert grouped([]) == ""
    assert grouped(["Bot a: no scope.", "Bot b: wrong secret."]) == "Bot a: no scope. Bot b: wrong secret."
    assert grouped(["Bot a: no scope.", "It is down.", "Bot b: no scope.", "It is down."]) == (
        "2 bots: no scope. These are the bots a, b. It is down."
    )


def test_a_sentence_that_names_the_bot_again_is_still_the_same() -> None:
    many = grouped(f"Bot st-{n}: 'st-{n}' is unknown. The API said: 'st-{n}'." for n in range(200))
    assert many.count("is unknown") == 1
    assert many.startswith("200 bots: 'this bot' is unknown.")
    assert "st-0, st-1," in many
    assert many.endswith("st-199.")


def test_error_traces_are_held_back_until_the_last_message() -> None:
    def read() -> Iterator[AirbyteMessage]:
        yield trace("Bot a: no scope.")
        yield LINE
        yield trace("Bot b: no scope.", FailureType.transient_error)
        yield LINE
        raise AirbyteTracedException(message="all", failure_type=FailureType.config_error)

    messages = faults_at_the_end(read())
    assert [next(messages), next(messages)] == [LINE, LINE]
    with pytest.raises(Fault, match=r"^2 bots: no scope\. These are the bots a, b\.$") as raised:
        next(messages)
    assert raised.value.failure_type is FailureType.config_error


def test_a_read_that_ends_as_if_nothing_had_been_is_a_failure_all_the_same() -> None:
    with pytest.raises(Fault, match=r"^Bot a: down\.$") as raised:
        list(faults_at_the_end([trace("Bot a: down.", FailureType.transient_error)]))
    assert raised.value.failure_type is FailureType.transient_error


def test_what_ends_the_read_besides_is_told_too() -> None:
    def out_of_memory() -> Iterator[AirbyteMessage]:
        yield trace("Bot a: no scope.")
        raise AirbyteTracedException(message="Out of memory.", failure_type=FailureType.system_error)

    with pytest.raises(Fault, match=r"^Bot a: no scope\. Out of memory\.$"):
        list(faults_at_the_end(out_of_memory()))

    def broken() -> Iterator[AirbyteMessage]:
        yield LINE
        raise KeyError("what a user wrote")

    with pytest.raises(Fault, match="KeyError") as raised:
        list(faults_at_the_end(broken()))
    assert "what a user wrote" not in str(raised.value)


def test_nothing_of_the_stream_follows_its_final_status() -> None:
    status = AirbyteStreamStatusTraceMessage(StreamDescriptor(name="s"), AirbyteStreamStatus.INCOMPLETE)
    ended = AirbyteMessage(
        type=Type.TRACE, trace=AirbyteTraceMessage(TraceType.STREAM_STATUS, emitted_at=0.0, stream_status=status)
    )
    messages = faults_at_the_end([trace("Bot a: down."), ended, LINE])
    assert [next(messages), next(messages)] == [LINE, ended]
    with pytest.raises(Fault, match="down"):
        next(messages)


def test_the_general_remark_of_the_cdk_says_what_it_was() -> None:
    message = trace(
        "An unexpected error occurred in stream s: TypeError", FailureType.system_error, "'int' object is not iterable"
    )
    with pytest.raises(Fault, match=r"not foreseen: TypeError: 'int' object is not iterable\. Please send"):
        list(faults_at_the_end([message]))
