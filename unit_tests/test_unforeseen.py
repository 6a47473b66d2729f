"""What nobody foresaw is told with its kind and place, and without what a row or a secret said."""

import logging

import pytest
from airbyte_cdk.utils.airbyte_secrets_utils import update_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_kore_llm_logs.errors import Fault
from source_kore_llm_logs.runtime.log_filter import SentenceFilter
from source_kore_llm_logs.runtime.unforeseen import log_line, unforeseen

SAID = "what a user wrote"


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (TypeError("'NoneType' object is not iterable"), "TypeError: 'NoneType' object is not iterable"),
        (AttributeError("'str' object has no attribute 'get'"), "AttributeError: 'str' object has no attribute 'get'"),
        (KeyError(SAID), "KeyError: …"),
        (KeyError("word"), "KeyError: …"),
        (ValueError(f"invalid literal: '{SAID}' and \"{SAID}\""), "ValueError: invalid literal: … and …"),
        (ValueError(f"Unable to parse string [{SAID}]"), "ValueError: Unable to parse string …"),
        (ValueError(), "ValueError"),
        (MemoryError("x" * 5000), "MemoryError: " + "x" * 200),
        (ValueError("the secret is s3cret-s3cret"), "ValueError: the secret is ****"),
    ],
)
def test_kind_and_text_are_told_but_nothing_that_is_quoted(error: Exception, told: str) -> None:
    update_secrets(["s3cret-s3cret"])
    try:
        assert f"not foreseen: {told}. Please send" in str(unforeseen(raised(error)))
        line = log_line(raised(error))
        assert line.startswith(f"Unforeseen: {told} in test_unforeseen.py:")
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
    assert logged(raised(KeyError(SAID))).startswith("Unforeseen: KeyError: … in test_unforeseen.py:")


def test_the_line_that_repeats_every_exception_is_left_out() -> None:
    text = f"During the sync, the following streams did not sync successfully: s: KeyError('{SAID}')"
    record = logging.LogRecord("airbyte", logging.INFO, "", 0, text, (), None)
    assert not SentenceFilter().filter(record)
