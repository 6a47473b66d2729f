"""What each answer means: rows, a wait, another try, a smaller page, or one sentence."""

import json
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.http.error_handlers import ResponseAction

from source_kore_llm_logs.components.error_handler import (
    MAX_RATE_WAITS,
    MAX_TRIES,
    TRIES_BEFORE_A_SMALLER_PAGE,
    KoreBackoff,
    KoreErrorHandler,
    rows_of,
)
from source_kore_llm_logs.errors import Fault, HostUnreachable, PageTooLarge, RequestRefused, RetriesExhausted

URL = "https://platform.kore.ai/api/1.1/public/bot/st-1/getLLMUsageLogs"


def answer(status: int, body: bytes = b"", **headers: str) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = body
    response.headers.update(headers)
    response.request = requests.Request("POST", URL).prepare()
    return response


def refusal(message: str) -> bytes:
    return json.dumps({"errors": [{"msg": message, "code": 4002}]}).encode()


def handler(**config: Any) -> KoreErrorHandler:
    return KoreErrorHandler(config=config, parameters={})


@pytest.mark.parametrize("body", [b"[]", b' \n[{"a": 1}]', b'[{"a": NaN}]', b'[{"a": "\\ud800"}]'])
def test_an_array_is_rows(body: bytes) -> None:
    response = answer(200, body)
    assert handler().interpret_response(response).response_action is ResponseAction.SUCCESS
    assert isinstance(rows_of(response), list)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>", "an HTML page"),
        (b'{"data": "3q2+7w=="}', "encrypted"),
        (b'"text"', "not a JSON array"),
        (b"", "not a JSON array"),
        (b"null", "not a JSON array"),
        (refusal("Something"), "an error instead of rows: Something"),
    ],
)
def test_any_other_body_with_status_200_is_a_sentence_and_never_no_rows(body: bytes, said: str) -> None:
    with pytest.raises(Fault, match=said) as raised:
        handler().interpret_response(answer(200, body))
    assert raised.value.failure_type is FailureType.config_error
    assert "Bot st-1" in raised.value.message


@pytest.mark.parametrize(
    ("status", "message", "said"),
    [
        (401, "Invalid SDK credentials", "wrong credentials or a wrong bot id"),
        (401, "Invalid JWT token", "`jwt_algorithm`"),
        (401, "Permission denied. Scope is incorrect!", "publish the app"),
        (403, "no", "publish the app"),
    ],
)
def test_sign_in_is_told_apart_by_the_vendors_words(status: int, message: str, said: str) -> None:
    with pytest.raises(Fault, match=said) as raised:
        handler().interpret_response(answer(status, refusal(message)))
    assert message in raised.value.message
    assert raised.value.failure_type is FailureType.config_error


@pytest.mark.parametrize("status", [400, 412, 416, 422])
def test_refused_arguments_show_the_vendors_words(status: int) -> None:
    with pytest.raises(RequestRefused, match="limit should be less") as raised:
        handler().interpret_response(answer(status, refusal("limit should be less than 100")))
    assert raised.value.words == "limit should be less than 100"


@pytest.mark.parametrize("status", [408, 500, 502, 503, 520])
def test_a_fault_of_the_server_is_asked_again_and_then_given_up(status: int) -> None:
    asked = handler()
    response = answer(status)
    for _ in range(MAX_TRIES - 1):
        resolution = asked.interpret_response(response)
        assert resolution.response_action is ResponseAction.RETRY
    with pytest.raises(RetriesExhausted, match=f"Tried {MAX_TRIES} times") as raised:
        asked.interpret_response(response)
    assert raised.value.failure_type is FailureType.transient_error


@pytest.mark.parametrize("slow", [answer(504), requests.exceptions.ReadTimeout(request=answer(200).request)])
def test_an_answer_that_never_comes_in_time_is_asked_for_as_a_smaller_page(slow: Any) -> None:
    asked = handler()
    for _ in range(TRIES_BEFORE_A_SMALLER_PAGE - 1):
        assert asked.interpret_response(slow).response_action is ResponseAction.RETRY
    with pytest.raises(PageTooLarge):
        asked.interpret_response(slow)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (429, ""),
        (200, "Rate limit for this API has been reached. Please try again later"),
        (400, "You've exceeded the per-minute rate limit"),
        (503, "You have exceeded the hourly rate limit"),
    ],
)
def test_a_rate_limit_is_known_by_status_or_text_and_waited_for(status: int, message: str) -> None:
    asked = handler()
    response = answer(status, refusal(message) if message else b"")
    for _ in range(MAX_RATE_WAITS):
        assert asked.interpret_response(response).response_action is ResponseAction.RATE_LIMITED
    with pytest.raises(RetriesExhausted, match="rate limit"):
        asked.interpret_response(response)


def test_a_wait_is_as_long_as_the_server_says_or_the_window_needs() -> None:
    wait = KoreBackoff().backoff_time
    assert wait(answer(429, **{"Retry-After": "7"}), 1) == 7
    minute, hour = refusal("exceeded the per-minute rate limit"), refusal("exceeded the hourly rate limit")
    assert [48 <= wait(answer(400, minute), attempt) <= 60 for attempt in (4, 9)] == [True, True]
    assert 240 <= wait(answer(400, hour), 9) <= 300
    assert wait(answer(503), 1) < 1
    assert wait(answer(503), 20) <= 90


def test_retry_after_may_be_a_date() -> None:
    in_a_minute = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=60), usegmt=True)
    assert 57 <= KoreBackoff().backoff_time(answer(429, **{"Retry-After": in_a_minute}), 1) <= 60
    long_ago = format_datetime(datetime(2001, 1, 1, tzinfo=timezone.utc), usegmt=True)
    assert KoreBackoff().backoff_time(answer(429, **{"Retry-After": long_ago}), 1) == 0.1
    assert KoreBackoff().backoff_time(answer(429, **{"Retry-After": "soon"}), 4) >= 48


def test_a_page_that_is_deep_and_cut_off_is_still_known_as_cut_off() -> None:
    body = ('[{"deep": ' + "[" * 3000 + "]" * 2999).encode()
    assert handler().interpret_response(answer(200, body)).response_action is ResponseAction.RETRY


def test_an_unreachable_host_is_named_without_a_bot() -> None:
    asked = handler(__checking=True)
    fault = requests.exceptions.ConnectionError(request=answer(200).request)
    asked.interpret_response(fault)
    with pytest.raises(HostUnreachable, match=r"The connector cannot reach platform.kore.ai\."):
        asked.interpret_response(fault)


def test_a_wait_is_never_the_same_twice() -> None:
    waits = {KoreBackoff().backoff_time(answer(503), 3) for _ in range(20)}
    assert len(waits) > 10


def test_check_gives_up_at_the_second_fault() -> None:
    asked = handler(__checking=True)
    response = answer(500)
    asked.interpret_response(response)
    with pytest.raises(RetriesExhausted):
        asked.interpret_response(response)


def test_no_payload_reaches_a_message() -> None:
    words = b'[{"Prompt": "my secret words"'
    resolution = handler().interpret_response(answer(200, words))
    assert "secret words" not in str(resolution.error_message)
    with pytest.raises(Fault) as raised:
        handler().interpret_response(answer(200, b'{"data": "my secret words"}'))
    assert "secret words" not in raised.value.message
