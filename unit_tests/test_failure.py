"""What failed, and why: in every shape an error comes in, and only where there is one."""

from typing import Any

import pytest

from source_kore_llm_logs.records.providers import GATEWAY_REASONS
from source_kore_llm_logs.records.record import to_record
from source_kore_llm_logs.records.redaction import ERRORS

OPEN = "GenAI Gateway Circuit Open"


def failure_of(response: Any, redact: bool = False, **row: Any) -> tuple[str | None, str | None]:
    record = to_record("st-1", {**row, "Payload Details": {"Response Payload": response}}, redact)
    return record["error_type"], record["error_message"]


@pytest.mark.parametrize(
    ("response", "kind", "message"),
    [
        ({"error": {"type": "rate_limit_error", "message": "Slow down"}}, "rate_limit_error", "Slow down"),
        ({"error": {"type": None, "code": "content_filter", "message": "No"}}, "content_filter", "No"),
        ({"error": {"type": "requests", "code": "rate_limit_exceeded", "message": "No"}}, "requests", "No"),
        ({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "No"}}, "RESOURCE_EXHAUSTED", "No"),
        ({"__type": "com.amazon.coral#ThrottlingException", "message": "No"}, "ThrottlingException", "No"),
        ({"error": "No luck", "code": "ECONNRESET"}, "ECONNRESET", "No luck"),
        ({"errors": [{"msg": "No luck", "code": 4002}]}, None, "No luck"),
        ({"errors": ["No luck"]}, None, "No luck"),
        ([{"error": {"status": "INTERNAL", "message": "No"}}], "INTERNAL", "No"),
        ('data: {"type": "error", "error": {"type": "overloaded_error", "message": "No"}}', "overloaded_error", "No"),
        ('{"error": {"type": "api_error", "message": "No"}}', "api_error", "No"),
        ({"error": {"type": OPEN, "code": 429}}, OPEN, OPEN),
        ({"error": OPEN}, OPEN, OPEN),
        ({"object": "error", "type": "error", "code": "ETIMEDOUT", "message": "No"}, "ETIMEDOUT", "No"),
        ({"error": None}, None, None),
        ({"error": []}, None, None),
        ({"error": 5}, None, None),
        ({"errors": [None]}, None, None),
        ({"error": {}}, None, None),
        ({"message": "Hello", "type": "message"}, None, None),
        ({"choices": [{"finish_reason": "stop"}]}, None, None),
        ("Hello", None, None),
        (None, None, None),
    ],
)
def test_an_error_is_known_in_the_shape_of_every_provider(response: Any, kind: str | None, message: str | None) -> None:
    assert failure_of(response) == (kind, message)


@pytest.mark.parametrize(
    "row", [{"Status": "Failure"}, {"status": "FAILURE"}, {"statusCode": 504}, {"statusCode": "429"}]
)
def test_of_a_call_that_failed_a_text_or_a_bare_message_is_the_error(row: dict[str, Any]) -> None:
    assert failure_of("Timed out", **row) == (None, "Timed out")
    assert failure_of({"message": "Timed out", "code": "ETIMEDOUT"}, **row) == ("ETIMEDOUT", "Timed out")
    assert failure_of({"type": "message", "content": "Hello"}, **row) == (None, None)
    assert failure_of("Timed out", Status="Success", statusCode=200) == (None, None)


@pytest.mark.parametrize("reason", sorted(GATEWAY_REASONS))
@pytest.mark.parametrize(
    "shape",
    [
        lambda reason: {"error": {"message": OPEN, "reason": reason, "code": 429}},
        lambda reason: {"error": {"type": OPEN, "reason": reason}},
        lambda reason: {"error": OPEN, "reason": reason},
        lambda reason: {"errors": [{"msg": OPEN, "reason": reason}]},
        lambda reason: {"message": OPEN, "reason": reason},
        lambda reason: {"error": {"message": OPEN}, "reason": reason},
    ],
)
def test_a_failure_of_the_gateway_is_known_by_its_reason_wherever_it_stands(shape: Any, reason: str) -> None:
    row = {"Status": "Failure", "statusCode": 429}
    assert failure_of(shape(reason), **row) == (reason, OPEN)
    assert failure_of(shape(reason), redact=True, **row) == (reason, None)
    kept = to_record("st-1", {**row, "Payload Details": {"Response Payload": shape(reason)}}, redact=True)
    assert kept["response_payload"] == shape(reason)


def test_redacted_leaves_no_message_and_of_kinds_only_known_words() -> None:
    for kind in ("Zanzibar", "rate_limit_error of Zanzibar", 5):
        response = {"error": {"type": kind, "message": "Zanzibar"}}
        assert failure_of(response, redact=True) == (None, None)
    for kind in sorted(ERRORS - {"error"}):
        assert failure_of({"error": {"type": kind, "message": "Zanzibar"}}, redact=True) == (kind, None)
