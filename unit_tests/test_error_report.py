"""Faults are told once, at the end; bots with the same one share a sentence; no exception quotes a row or a secret."""

import logging
from collections.abc import Iterable, Iterator

import pytest
from airbyte_cdk.models import AirbyteMessage, AirbyteMessageSerializer, FailureType
from airbyte_cdk.utils.airbyte_secrets_utils import update_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_kore_llm_logs.errors import ConnectorError
from source_kore_llm_logs.runtime.error_report import errors_at_the_end, grouped, log_line
from source_kore_llm_logs.runtime.log_filter import SentenceFilter

message_of = AirbyteMessageSerializer.load
LINE = message_of({"type": "LOG", "log": {"level": "INFO", "message": "a line"}})
STATUS = {"stream_descriptor": {"name": "s"}, "status": "INCOMPLETE"}
ENDED = message_of({"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 0.0, "stream_status": STATUS}})
BOTS = ["a", "b"]
SAID = "what a user wrote"


def of(
    bot: str | None, what: str, kind: FailureType = FailureType.config_error, others: str | None = None
) -> ConnectorError:
    return ConnectorError(what, kind, bot, others)


def told(bot: str, what: str, kind: FailureType = FailureType.config_error) -> AirbyteMessage:
    return of(bot, what, kind).as_airbyte_message()


def cdks(message: str, kind: FailureType) -> AirbyteMessage:
    error = {"message": message, "failure_type": kind.value, "internal_message": SAID, "stack_trace": "secret"}
    return message_of({"type": "TRACE", "trace": {"type": "ERROR", "emitted_at": 0.0, "error": error}})


def test_bots_with_the_same_fault_share_a_sentence() -> None:
    down = of(None, "It is down.")
    assert grouped([of("a", "no scope."), of("b", "wrong secret.")], BOTS) == "Bot a: no scope. Bot b: wrong secret."
    assert grouped([of("a", "no scope."), down, of("b", "no scope."), down], BOTS) == (
        "2 bots: no scope. These are the bots a, b. It is down."
    )


def test_a_sentence_that_names_the_bot_again_is_still_the_same() -> None:
    bots = [f"st-{n}" for n in range(200)]
    many = grouped([of(bot, f"'{bot}' is unknown. The API said: '{bot}'.") for bot in bots], bots)
    assert many.startswith("200 bots: 'this bot' is unknown. The API said: 'this bot'. These are the bots st-0, st-1,")
    assert many.endswith("st-199.")


def test_what_all_bots_share_is_suspected_only_where_none_was_answered() -> None:
    faults = [of("a", "wrong secret.", others="wrong bot id.")]
    assert grouped(faults, ["a"]) == "Bot a: wrong secret."
    assert grouped(faults, ["a", "b"]) == "Bot a: wrong bot id."
    # Nobody knows of the others where something failed for all of them.
    assert grouped([*faults, of(None, "It is down.")], ["a", "b"]) == "Bot a: wrong secret. It is down."


def ended(messages: Iterable[AirbyteMessage]) -> tuple[list[AirbyteMessage], ConnectorError]:
    """What is printed of a read, and what is raised at its end."""
    printed = list[AirbyteMessage]()
    with pytest.raises(ConnectorError) as raised:
        printed += errors_at_the_end(messages, BOTS)  # A list is extended item by item.
    return printed, raised.value


def test_a_read_that_ends_as_if_nothing_had_been_is_a_failure_all_the_same() -> None:
    transient = told("a", "down.", FailureType.transient_error)
    printed, fault = ended([transient, ENDED, LINE])
    assert (printed, fault.message, fault.failure_type) == ([LINE, ENDED], "Bot a: down.", FailureType.transient_error)
    assert ended([transient, told("b", "no scope.")])[1].failure_type is FailureType.config_error


def raising(error: Exception, *before: AirbyteMessage) -> Iterator[AirbyteMessage]:
    yield from before
    raise error


def test_what_ends_the_read_besides_is_told_too() -> None:
    out_of_memory = AirbyteTracedException(message="Out of memory.", failure_type=FailureType.system_error)
    assert ended(raising(out_of_memory, told("a", "no scope.")))[1].message == "Bot a: no scope. Out of memory."
    unusable = AirbyteTracedException(message="Unusable.", failure_type=FailureType.config_error)
    assert ended(raising(unusable))[1].message == "Unusable."
    assert "not foreseen (KeyError). Please send" in ended(raising(KeyError(SAID)))[1].message
    remark = cdks("An unexpected error occurred in stream s: TypeError", FailureType.system_error)
    assert "not foreseen (TypeError). Please send" in ended([remark])[1].message
    assert ended([cdks("Its own words.", FailureType.transient_error)])[1].message == "Its own words."


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "logged"),
    [
        (TypeError("'NoneType' object is not iterable"), "TypeError: … object is not iterable"),
        (ValueError(f"invalid literal: '{SAID}' and \"{SAID}\""), "ValueError: invalid literal: … and …"),
        (ValueError(f"Unable to parse string [{SAID}]"), "ValueError: Unable to parse string …"),
        (MemoryError("x" * 5000), "MemoryError: " + "x" * 200),
        (ValueError("the secret is s3cret-s3cret"), "ValueError: the secret is ****"),
    ],
)
def test_kind_text_and_place_are_logged_but_nothing_that_is_quoted(error: Exception, logged: str) -> None:
    update_secrets(["s3cret-s3cret"])
    try:
        line = log_line(raised(error))
        assert line.startswith(f"Unforeseen: {logged} in test_error_report.py:")
        assert line.endswith(" raised")
    finally:
        update_secrets([])


def filtered(text: str, error: Exception | None = None) -> str | None:
    """What is logged of a line; None if it is left out."""
    record = logging.LogRecord("airbyte", logging.ERROR, "", 0, text, (), (None, error, None) if error else None)  # type: ignore[arg-type]
    return record.getMessage() if SentenceFilter().filter(record) and record.exc_info is None else None


def test_the_log_has_a_sentence_for_what_is_known_and_the_line_to_send_for_the_rest() -> None:
    assert filtered("x", ConnectorError("Bot a: 100% wrong.")) == "Bot a: 100% wrong."
    assert filtered("x", AirbyteTracedException(message="Out of memory.", internal_message="x")) == "Out of memory."
    assert str(filtered("x", raised(KeyError(SAID)))).startswith("Unforeseen: KeyError: … in test_error_report.py:")
    assert filtered(f"During the sync, the following streams did not sync successfully: s: KeyError('{SAID}')") is None
