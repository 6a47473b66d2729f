"""What each answer means: rows, a wait, another try, a smaller page, or one sentence."""

import json
import re
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.http.error_handlers import ResponseAction
from urllib3.exceptions import ProtocolError

from source_kore_llm_logs.components.error_handler import (
    MAX_RATE_WAITS,
    MAX_REPLAYS,
    MAX_TIMEOUTS,
    MAX_TRIES,
    MAX_TRIES_OF_A_CHECK,
    MAX_TRIES_OF_A_FIRST_ANSWER_OF_ANOTHER,
    MAX_TRIES_OF_A_LARGE_PAGE,
    KoreErrorHandler,
    rows_of,
)
from source_kore_llm_logs.errors import Fault, HostUnreachable, PageTooLarge, RequestRefused, RetriesExhausted

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
URL = "https://platform.kore.ai/api/1.1/public/bot/st-1/getLLMUsageLogs"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of this machine stands at NOW."""
    monkeypatch.setattr(time, "time", NOW.timestamp)


def answer(status: int, body: bytes = b"", **headers: str) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = body
    response.headers.update(headers)
    response.request = requests.Request("POST", URL).prepare()
    return response


def of_bot(bot: str, response: requests.Response) -> requests.Response:
    response.request = requests.Request("POST", URL.replace("st-1", bot)).prepare()
    return response


def refusal(message: str) -> bytes:
    return json.dumps({"errors": [{"msg": message, "code": 4002}]}).encode()


def handler() -> KoreErrorHandler:
    return KoreErrorHandler(config={}, parameters={})


def handler_of_a_check() -> KoreErrorHandler:
    return KoreErrorHandler(config={}, parameters={"is_check": True})


def pauses(asked: KoreErrorHandler, response: requests.Response, tries: int) -> list[float]:
    """The seconds before each next try, while the answer stays the same."""
    waits = []
    for _ in range(tries):
        asked.interpret_response(response)
        waits.append(asked.backoff_time(response, 1))
    return waits


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b' \n[{"a": 1}]',
        b'[{"a": NaN}]',
        b'[{"a": "\\ud800"}]',
        b"\xef\xbb\xbf[]",
        b'{"hits": [{"a": 1}], "total": 1}',
    ],
)
def test_an_array_is_rows_and_so_is_one_under_hits(body: bytes) -> None:
    response = answer(200, body)
    assert handler().interpret_response(response).response_action is ResponseAction.SUCCESS
    assert isinstance(rows_of(response), list)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>", "an HTML page"),
        (b"", "an empty body"),
        (b" \n", "an empty body"),
        (b"null", "not a JSON array"),
        (b"{}", "not a JSON array"),
        (b"OK", "not a JSON array"),
        (refusal("Internal server error"), "an error instead of rows: Internal server error"),
        (b'{"errors": "Something"}', "an error instead of rows: Something"),
        (b'{"message": "Something broke"}', "an error instead of rows: Something broke"),
        (b'{"error": {"message": "Something"}}', "an error instead of rows: Something"),
        (b'{"errors": [{"code": 5000}]}', "not a JSON array"),
        (b'{"hits": [{"a"', "cut off"),
    ],
)
def test_a_200_that_is_not_rows_is_a_fault_and_never_no_rows(body: bytes, said: str) -> None:
    asked, response = handler(), answer(200, body)
    asked.interpret_response(answer(200, b"[]"))
    for _ in range(MAX_TRIES - 1):
        assert asked.interpret_response(response).response_action is ResponseAction.RETRY
    with pytest.raises(RetriesExhausted, match=said) as raised:
        asked.interpret_response(response)
    assert raised.value.failure_type is FailureType.transient_error
    assert "Bot st-1" in raised.value.message
    assert f"Tried {MAX_TRIES} times" in raised.value.message


@pytest.mark.parametrize(
    ("body", "said"), [(b"<html>", "an HTML page"), (b"OK", "not a JSON array"), (b"{}", "not a JSON array")]
)
def test_where_nothing_but_that_was_ever_answered_it_ends_the_bot_and_no_smaller_page_is_asked_for(
    body: bytes, said: str
) -> None:
    asked, response = handler(), answer(200, body)
    asked.interpret_response(of_bot("st-2", answer(200, b"[]")))
    for _ in range(MAX_TRIES_OF_A_FIRST_ANSWER_OF_ANOTHER - 1):
        assert asked.interpret_response(response).response_action is ResponseAction.RETRY
    with pytest.raises(Fault, match=said) as raised:
        asked.interpret_response(response)
    assert not isinstance(raised.value, RetriesExhausted)
    assert raised.value.failure_type is FailureType.transient_error


@pytest.mark.parametrize(
    ("status", "body"), [(200, b""), (200, b"[{"), (200, refusal("Error")), (500, b""), (503, b"")]
)
def test_a_fault_that_may_be_about_the_page_is_one_that_a_smaller_page_may_mend(status: int, body: bytes) -> None:
    asked, response = handler(), answer(status, body)
    for _ in range(MAX_TRIES - 1):
        assert asked.interpret_response(response).response_action is ResponseAction.RETRY
    with pytest.raises(RetriesExhausted, match=f"Tried {MAX_TRIES} times"):
        asked.interpret_response(response)


def test_a_bot_that_never_answered_seven_tries_is_tried_twice_with_each_further_request_until_it_has() -> None:
    asked = handler()

    def tries(bot: str) -> int:
        response = of_bot(bot, answer(503))
        for number in range(1, 20):
            try:
                asked.interpret_response(response)
            except RetriesExhausted as fault:
                told.append(fault.message.rpartition("Tried ")[2])
                return number
        raise AssertionError

    told = list[str]()
    assert [tries("st-1"), tries("st-1"), tries("st-2"), tries("st-1")] == [MAX_TRIES, 2, MAX_TRIES, 2]
    assert told == ["7 times.", "9 times.", "7 times.", "11 times."]
    asked.interpret_response(of_bot("st-1", answer(200, b"[]")))
    assert [tries("st-1"), tries("st-1"), tries("st-2")] == [MAX_TRIES, MAX_TRIES, 2]
    with pytest.raises(RequestRefused):
        asked.interpret_response(of_bot("st-2", answer(412)))
    assert tries("st-2") == MAX_TRIES


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"data": "3q2+7w=="}', "encrypted"),
        (b'{"message": "3q2+7w=="}', "encrypted"),
        (b'"' + b"3q2+7wAB" * 20 + b'"', "encrypted"),
        (b"eyJhbGciOiJSU0EtT0FFUCJ9.abc.def.ghi.jkl-and-more-of-it", "encrypted"),
        (refusal("Invalid SDK credentials"), "wrong credentials"),
        (refusal("Permission denied. Scope is incorrect!"), "publish the app"),
        (b"Invalid JWT token", "`jwt_algorithm`"),
    ],
)
def test_what_a_person_must_mend_is_told_at_once_under_status_200_too(body: bytes, said: str) -> None:
    with pytest.raises(Fault, match=said) as raised:
        handler().interpret_response(answer(200, body))
    assert raised.value.failure_type is FailureType.config_error
    assert not isinstance(raised.value, RetriesExhausted)


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize(
    ("status", "message", "said"),
    [
        (401, "Invalid SDK credentials", "wrong credentials or a wrong bot id"),
        (400, "Invalid SDK credentials", "wrong credentials or a wrong bot id"),
        (401, "Invalid JWT token", "`jwt_algorithm`"),
        (401, "Permission denied. Scope is incorrect!", "publish the app"),
        (403, "no", "publish the app"),
        (401, 'error verifying the jwt: if "jti" claim "exp" must be <= 1 hour(s)', "because of its times"),
        (401, "jwt expired", "because of its times"),
        (401, "The token is not yet valid (iat)", "because of its times"),
    ],
)
def test_sign_in_is_told_apart_by_the_vendors_words(status: int, message: str, said: str, as_json: bool) -> None:
    body = refusal(message) if as_json else message.encode()
    with pytest.raises(Fault, match=said) as raised:
        handler().interpret_response(answer(status, body))
    assert message in raised.value.message
    assert raised.value.failure_type is FailureType.config_error


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (3900, "The clock of this machine is 1 h 5 min ahead of that of Kore.ai: set it right"),
        (-7200, "The clock of this machine is 2 h behind that of Kore.ai: set it right"),
        (-180000, "is 2 d 2 h behind"),
        (10, "differ by only 10 s"),
        (None, "Compare the clock of this machine"),
    ],
)
@pytest.mark.usefixtures("clock")
def test_a_token_of_the_wrong_time_is_told_with_how_far_the_clock_is_off(ahead: int | None, said: str) -> None:
    response = answer(401, refusal("jwt expired"))
    if ahead is not None:
        response.headers["Date"] = format_datetime(NOW - timedelta(seconds=ahead), usegmt=True)
    with pytest.raises(Fault, match=said):
        handler().interpret_response(response)


@pytest.mark.usefixtures("clock")
def test_a_clock_that_is_far_off_is_told_whatever_the_words_are() -> None:
    long_ago = format_datetime(NOW - timedelta(hours=3), usegmt=True)
    with pytest.raises(Fault, match=r"wrong credentials.*3 h ahead of"):
        handler().interpret_response(answer(401, refusal("Invalid SDK credentials"), Date=long_ago))


def test_a_replayed_token_is_tried_again_with_a_fresh_one_and_not_for_ever() -> None:
    asked, response = handler(), answer(401, refusal("error verifying the jwt: possibly a replay"))
    for _ in range(MAX_REPLAYS):
        assert asked.interpret_response(response).response_action is ResponseAction.RETRY
        assert asked.backoff_time(response, 1) < 1
    with pytest.raises(RetriesExhausted, match="sends requests twice"):
        asked.interpret_response(response)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("https://eu-platform.kore.ai/api/1.1?token=secret", "to eu-platform.kore.ai .*enter it as Host"),
        ("//user:secret@other.example.com:8443/x", "to other.example.com:8443 "),
        ("/login?token=secret", "another page of its own"),
        ("", "but not to an address"),
        ("http://[::1", "but not to an address"),
        ("//\xff@secret\xb2/", "but not to an address"),
    ],
)
def test_a_redirect_is_told_with_the_host_that_it_leads_to_and_nothing_more(
    status: int, location: str, said: str
) -> None:
    with pytest.raises(Fault, match=said) as raised:
        handler().interpret_response(answer(status, Location=location))
    assert "secret" not in raised.value.message
    assert "`host`" in raised.value.message


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
    for _ in range(MAX_TIMEOUTS - 1):
        assert asked.interpret_response(slow).response_action is ResponseAction.RETRY
    with pytest.raises(PageTooLarge, match=f"Tried {MAX_TIMEOUTS} times"):
        asked.interpret_response(slow)


@pytest.mark.parametrize(("limit", "tries"), [("50", MAX_TRIES), ("51", MAX_TRIES_OF_A_LARGE_PAGE), (1000, 3)])
def test_a_large_page_that_fails_in_any_way_is_soon_asked_for_smaller(limit: Any, tries: int) -> None:
    request = requests.Request("POST", URL, json={"limit": limit}).prepare()
    dropped = requests.exceptions.ConnectionError(ProtocolError("Connection aborted."), request=request)
    cut = answer(200, b'[{"a": 1')
    cut.request = requests.Request("POST", URL, json={"limit": limit}).prepare()
    for fault in (dropped, cut):
        asked = handler()
        for _ in range(tries - 1):
            assert asked.interpret_response(fault).response_action is ResponseAction.RETRY
        with pytest.raises(RetriesExhausted, match=f"Tried {tries} times"):
            asked.interpret_response(fault)


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("status", [200, 400, 401, 403, 412, 429, 503])
@pytest.mark.parametrize(
    "message",
    [
        "You've exceeded the per-minute rate limit. Please wait for sometime before retrying.",
        "You've exceeded the hourly rate limit. Please wait for sometime before retrying.",
        "Rate limit for this API has been reached. Please try again after some time.",
    ],
)
def test_a_rate_limit_is_known_by_its_text_under_any_status(status: int, message: str, as_json: bool) -> None:
    response = answer(status, refusal(message) if as_json else message.encode())
    assert handler().interpret_response(response).response_action is ResponseAction.RATE_LIMITED


def test_a_rate_limit_is_waited_for_and_not_for_ever() -> None:
    asked, response = handler(), answer(429)
    for _ in range(MAX_RATE_WAITS):
        assert asked.interpret_response(response).response_action is ResponseAction.RATE_LIMITED
    with pytest.raises(Fault, match="rate limit"):
        asked.interpret_response(response)


def test_waits_and_faults_are_counted_each_on_their_own() -> None:
    asked, response = handler(), answer(429)
    for _ in range(6):
        asked.interpret_response(response)
    response.status_code = 503
    for _ in range(MAX_TRIES - 1):
        assert asked.interpret_response(response).response_action is ResponseAction.RETRY
    with pytest.raises(RetriesExhausted, match=f"Tried {MAX_TRIES} times"):
        asked.interpret_response(response)


def test_the_pause_after_a_first_fault_is_short_however_long_the_limit_was_waited_for() -> None:
    asked, response = handler(), answer(429)
    pauses(asked, response, 6)
    response.status_code = 503
    assert pauses(asked, response, 1)[0] < 1


def test_other_requests_of_a_bot_and_other_bots_are_not_counted() -> None:
    asked, faulty, other = handler(), answer(503), answer(503)
    for _ in range(MAX_TRIES - 1):
        asked.interpret_response(faulty)
    assert asked.interpret_response(other).response_action is ResponseAction.RETRY


def test_time_outs_among_other_faults_are_counted_on_their_own_for_a_smaller_page() -> None:
    asked, response = handler(), answer(503)
    for status in (503, 503, 504):
        response.status_code = status
        assert asked.interpret_response(response).response_action is ResponseAction.RETRY
    response.status_code = 504
    with pytest.raises(PageTooLarge):
        asked.interpret_response(response)


def test_a_wait_is_as_long_as_the_server_says_or_the_window_needs() -> None:
    assert pauses(handler(), answer(429, **{"Retry-After": "7"}), 2) == [7, 7]
    minute, hour = b"exceeded the per-minute rate limit", refusal("exceeded the hourly rate limit")
    assert [48 <= wait <= 60 for wait in pauses(handler(), answer(400, minute), 9)[3:]] == [True] * 6
    assert 240 <= pauses(handler(), answer(400, hour), 9)[-1] <= 300
    faults = pauses(handler(), answer(503), MAX_TRIES - 1)
    assert faults[0] < 1
    assert max(faults) <= 90
    assert pauses(handler(), answer(503, **{"Retry-After": "20"}), 1) == [20]


@pytest.mark.usefixtures("clock")
def test_retry_after_may_be_a_date() -> None:
    in_a_minute = format_datetime(NOW + timedelta(seconds=60), usegmt=True)
    assert pauses(handler(), answer(429, **{"Retry-After": in_a_minute}), 1) == [60]
    long_ago = format_datetime(datetime(2001, 1, 1, tzinfo=timezone.utc), usegmt=True)
    assert pauses(handler(), answer(429, **{"Retry-After": long_ago}), 1) == [0.1]
    for nonsense in ("soon", "\u00b2", "-5"):
        assert pauses(handler(), answer(429, **{"Retry-After": nonsense}), 4)[-1] >= 48


def test_a_check_does_not_wait_as_long_as_the_server_says() -> None:
    assert pauses(handler_of_a_check(), answer(503, **{"Retry-After": "3600"}), 1) == [5]


def test_words_lose_what_is_not_to_be_seen() -> None:
    with pytest.raises(Fault, match=r"status 400: bad \[31margument\. "):
        handler().interpret_response(answer(400, refusal("bad\0\x1b[31margument\x85")))


def test_a_page_that_is_deep_and_cut_off_is_still_known_as_cut_off() -> None:
    body = ('[{"deep": ' + "[" * 3000 + "]" * 2999).encode()
    assert handler().interpret_response(answer(200, body)).response_action is ResponseAction.RETRY


def test_an_unreachable_host_is_named_without_a_bot() -> None:
    asked = handler_of_a_check()
    fault = requests.exceptions.ConnectionError(request=answer(200).request)
    asked.interpret_response(fault)
    with pytest.raises(HostUnreachable, match=r"The connector cannot reach platform.kore.ai\."):
        asked.interpret_response(fault)


def test_a_connection_that_is_broken_off_is_no_host_that_cannot_be_reached() -> None:
    asked = handler_of_a_check()
    dropped = requests.exceptions.ConnectionError(ProtocolError("Connection aborted."), request=answer(200).request)
    asked.interpret_response(dropped)
    with pytest.raises(RetriesExhausted, match=r"platform.kore.ai broke off the connection") as raised:
        asked.interpret_response(dropped)
    assert not isinstance(raised.value, HostUnreachable)
    assert "`host`" not in raised.value.message


def test_a_pause_is_never_the_same_twice() -> None:
    assert len({pauses(handler(), answer(503), 1)[0] for _ in range(20)}) > 10


def test_check_gives_up_at_the_second_fault_and_waits_for_no_limit() -> None:
    asked, response = handler_of_a_check(), answer(500)
    for _ in range(MAX_TRIES_OF_A_CHECK - 1):
        asked.interpret_response(response)
    with pytest.raises(RetriesExhausted):
        asked.interpret_response(response)
    with pytest.raises(Fault, match="rate limit"):
        handler_of_a_check().interpret_response(answer(429))
    assert handler().interpret_response(answer(429)).response_action is ResponseAction.RATE_LIMITED


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b'[{"Prompt": "my secret words"'),
        (200, b'{"data": "my secret words"}'),
        (200, b"my secret words, with the rest of a sentence"),
        (200, b'"my secret words"'),
        (200, b'{"errors": [{"details": "my secret words"}]}'),
        (400, b"x" * 400 + b"my secret words"),
        (500, b'[{"Prompt": "my secret words"'),
        (401, b"Invalid token eyJmy.secret.words"),
    ],
)
def test_no_payload_and_no_token_reaches_a_message(status: int, body: bytes) -> None:
    asked = handler_of_a_check()
    said, response = "", answer(status, body)
    try:
        said += str(asked.interpret_response(response).error_message)
        asked.interpret_response(response)
    except Fault as fault:
        said += fault.message
    assert "Bot st-1" in said
    assert not re.search(r"secret\Wwords", said)
