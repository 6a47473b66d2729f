"""Faults are told once, at the end; bots with the same one share a sentence; no exception quotes a row or a secret."""

import logging
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
from airbyte_cdk.utils.airbyte_secrets_utils import update_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_kore_llm_logs.errors import Fault
from source_kore_llm_logs.runtime.fault_report import faults_at_the_end, grouped, log_line
from source_kore_llm_logs.runtime.log_filter import SentenceFilter

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
    message = trace("An unexpected error occurred in stream s: TypeError", FailureType.system_error, "a secret")
    with pytest.raises(Fault, match=r"not foreseen \(TypeError\)\. Please send"):
        list(faults_at_the_end([message], BOTS))


SAID = "what a user wrote"


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (TypeError("'NoneType' object is not iterable"), "TypeError: … object is not iterable"),
        (KeyError(SAID), "KeyError: …"),
        (ValueError(f"invalid literal: '{SAID}' and \"{SAID}\""), "ValueError: invalid literal: … and …"),
        (ValueError(f"Unable to parse string [{SAID}]"), "ValueError: Unable to parse string …"),
        (MemoryError("x" * 5000), "MemoryError: " + "x" * 200),
        (ValueError("the secret is s3cret-s3cret"), "ValueError: the secret is ****"),
    ],
)
def test_kind_text_and_place_are_logged_but_nothing_that_is_quoted(error: Exception, told: str) -> None:
    update_secrets(["s3cret-s3cret"])
    try:
        line = log_line(raised(error))
        assert line.startswith(f"Unforeseen: {told} in test_fault_report.py:")
        assert line.endswith(" raised")
    finally:
        update_secrets([])


def logged(error: Exception) -> str:
    record = logging.LogRecord("airbyte", logging.ERROR, "", 0, "Exception while syncing", (), (None, error, None))  # type: ignore[arg-type]
    assert SentenceFilter().filter(record)
    assert record.exc_info is None
    return record.getMessage()


def test_the_log_has_a_sentence_for_what_is_known_and_the_line_to_send_for_the_rest() -> None:
    assert logged(Fault("Bot a: 100% wrong.")) == "Bot a: 100% wrong."
    assert logged(AirbyteTracedException(message="Out of memory.", internal_message="x")) == "Out of memory."
    assert logged(raised(KeyError(SAID))).startswith("Unforeseen: KeyError: … in test_fault_report.py:")


def test_the_line_that_repeats_every_exception_is_left_out() -> None:
    text = f"During the sync, the following streams did not sync successfully: s: KeyError('{SAID}')"
    record = logging.LogRecord("airbyte", logging.INFO, "", 0, text, (), None)
    assert not SentenceFilter().filter(record)
