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

from source_kore_llm_logs.api.refusals import proxy_for
from source_kore_llm_logs.components.error_handler import (
    MAX_TIMEOUTS,
    MAX_TRIES,
    MAX_TRIES_OF_A_CHECK,
    MAX_TRIES_OF_A_LARGE_PAGE,
    MOST_SECONDS_OF_WAITS,
    KoreErrorHandler,
    rows_of,
)
from source_kore_llm_logs.errors import Fault
from source_kore_llm_logs.manifest import MANIFEST

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
URL = "https://platform.kore.ai/api/1.1/public/bot/st-1/getLLMUsageLogs"
TABLES = MANIFEST["streams"][0]["retriever"]["requester"]["error_handler"]
PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of this machine stands at NOW."""
    monkeypatch.setattr(time, "time", NOW.timestamp)


def request_of(bot: str = "st-1", limit: Any = 50) -> requests.PreparedRequest:
    return requests.Request("POST", URL.replace("st-1", bot), json={"limit": limit}).prepare()


def answer(status: int, body: bytes = b"", bot: str = "st-1", limit: Any = 50, **headers: str) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = body
    response.headers.update(headers)
    response.request = request_of(bot, limit)
    return response


def refusal(message: str) -> bytes:
    return json.dumps({"errors": [{"msg": message, "code": 4002}]}).encode()


def handler(is_check: bool = False) -> KoreErrorHandler:
    tables = {name: TABLES[name] for name in ("refusals", "connection_faults")}
    return KoreErrorHandler(config={}, parameters={"is_check": is_check}, **tables)


def fault_of(asked: KoreErrorHandler, response: Any, tries: int) -> Fault:
    """What is raised at the last of so many tries, all before it being followed by another."""
    for _ in range(tries - 1):
        assert asked.interpret_response(response).response_action is ResponseAction.RETRY
    with pytest.raises(Fault) as raised:
        asked.interpret_response(response)
    assert tries == 1 or f"Tried {tries} times." in raised.value.message
    return raised.value


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
    asked = handler()
    asked.interpret_response(answer(200, b"[]"))
    fault = fault_of(asked, answer(200, body), MAX_TRIES)
    assert fault.failure_type is FailureType.transient_error
    assert fault.about == "fault"
    assert fault.message.startswith("Bot st-1: ")
    assert said in fault.message


@pytest.mark.parametrize(
    ("body", "said"), [(b"<html>", "an HTML page"), (b"OK", "not a JSON array"), (b"{}", "not a JSON array")]
)
def test_where_nothing_but_that_was_ever_answered_it_ends_the_bot_and_no_smaller_page_is_asked_for(
    body: bytes, said: str
) -> None:
    asked = handler()
    asked.interpret_response(answer(200, b"[]", bot="st-2"))
    fault = fault_of(asked, answer(200, body), 3)
    assert (fault.about, fault.failure_type) == (None, FailureType.transient_error)
    assert said in fault.message


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b""), (200, b"[{"), (200, refusal("Error")), *((status, b"") for status in (408, 500, 502, 503, 520))],
)
def test_a_fault_that_may_be_about_the_page_is_one_that_a_smaller_page_may_mend(status: int, body: bytes) -> None:
    fault = fault_of(handler(), answer(status, body), MAX_TRIES)
    assert (fault.about, fault.failure_type) == ("fault", FailureType.transient_error)


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
    assert (raised.value.failure_type, raised.value.about) == (FailureType.config_error, None)


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
        (-7200, "The clock of this machine is 2 h 0 min behind that of Kore.ai: set it right"),
        (180, "is 3 min ahead"),
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
    with pytest.raises(Fault, match=r"wrong credentials.*3 h 0 min ahead of"):
        handler().interpret_response(answer(401, refusal("Invalid SDK credentials"), Date=long_ago))


def test_a_replayed_token_is_tried_again_with_a_fresh_one_and_not_for_ever() -> None:
    replayed = answer(401, refusal("error verifying the jwt: possibly a replay"))
    assert "sends requests twice" in fault_of(handler(), replayed, MAX_TRIES).message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("https://eu-platform.kore.ai/api/1.1?token=secret", "to eu-platform.kore.ai .*enter it as Host"),
        ("//user:secret@other.example.com:8443/x", "to other.example.com:8443 "),
        ("/login?token=secret", "as a page for people does"),
        ("", "as a page for people does"),
        ("http://[::1", "as a page for people does"),
        ("//\xff@secret\xb2/", "as a page for people does"),
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
    fault = fault_of(handler(), answer(status, refusal("limit should be less than 100")), 1)
    assert (fault.about, fault.words) == ("arguments", "limit should be less than 100")
    assert "limit should be less than 100" in fault.message


@pytest.mark.parametrize("slow", [answer(504), requests.exceptions.ReadTimeout(request=request_of())])
def test_an_answer_that_never_comes_in_time_is_asked_for_as_a_smaller_page(slow: Any) -> None:
    assert fault_of(handler(), slow, MAX_TIMEOUTS).about == "page_size"


@pytest.mark.parametrize(("limit", "tries"), [("50", MAX_TRIES), ("51", MAX_TRIES_OF_A_LARGE_PAGE), (1000, 3)])
def test_a_large_page_that_fails_in_any_way_is_soon_asked_for_smaller(limit: Any, tries: int) -> None:
    aborted = ProtocolError("Connection aborted.")
    dropped = requests.exceptions.ConnectionError(aborted, request=request_of(limit=limit))
    for broken in (dropped, answer(200, b'[{"a": 1', limit=limit)):
        assert fault_of(handler(), broken, tries).about == "fault"


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
    hour = answer(429, **{"Retry-After": "3600"})
    asked = handler()
    assert pauses(asked, hour, MOST_SECONDS_OF_WAITS // 3600) == [3600] * 4
    assert "rate limit" in fault_of(asked, hour, 1).message


def test_waits_and_faults_are_counted_each_on_their_own() -> None:
    asked, response = handler(), answer(429)
    pauses(asked, response, 6)
    response.status_code = 503
    assert pauses(asked, response, 1)[0] < 1
    for _ in range(MAX_TRIES - 2):
        assert asked.interpret_response(response).response_action is ResponseAction.RETRY
    assert f"Tried {MAX_TRIES} times." in fault_of(asked, response, 1).message


def test_other_requests_of_a_bot_are_not_counted() -> None:
    asked, faulty = handler(), answer(503)
    pauses(asked, faulty, MAX_TRIES - 1)
    assert asked.interpret_response(answer(503)).response_action is ResponseAction.RETRY


def test_time_outs_among_other_faults_are_counted_on_their_own_for_a_smaller_page() -> None:
    asked, response = handler(), answer(503)
    for status in (503, 503, 504):
        response.status_code = status
        assert asked.interpret_response(response).response_action is ResponseAction.RETRY
    assert fault_of(asked, response, 1).about == "page_size"


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
    assert pauses(handler(), answer(429, **{"Retry-After": long_ago}), 1) == [1]
    for nonsense in ("soon", "\u00b2", "-5"):
        assert pauses(handler(), answer(429, **{"Retry-After": nonsense}), 4)[-1] >= 48


def test_a_check_does_not_wait_as_long_as_the_server_says() -> None:
    assert pauses(handler(is_check=True), answer(503, **{"Retry-After": "3600"}), 1) == [5]


def test_words_lose_what_is_not_to_be_seen() -> None:
    with pytest.raises(Fault, match=r"status 400: bad \[31margument\. "):
        handler().interpret_response(answer(400, refusal("bad\0\x1b[31margument\x85")))


def test_a_page_that_is_deep_and_cut_off_is_still_known_as_cut_off() -> None:
    body = ('[{"deep": ' + "[" * 3000 + "]" * 2999).encode()
    assert handler().interpret_response(answer(200, body)).response_action is ResponseAction.RETRY


def test_an_unreachable_host_is_named_without_a_bot() -> None:
    fault = fault_of(handler(), requests.exceptions.ConnectionError(request=request_of()), MAX_TRIES)
    assert fault.about == "host"
    assert fault.message.startswith("The connector cannot reach platform.kore.ai. Check Host (`host`)")


def test_a_connection_that_is_broken_off_is_no_host_that_cannot_be_reached() -> None:
    dropped = requests.exceptions.ConnectionError(ProtocolError("Connection aborted."), request=request_of())
    fault = fault_of(handler(), dropped, MAX_TRIES)
    assert fault.about == "fault"
    assert fault.message.startswith("Bot st-1: platform.kore.ai broke off the connection before it answered.")


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("proxy", ["http://me:secret@proxy.example.com:3128", "me:secret@proxy.example.com:3128/"])
def test_a_proxy_is_named_by_address_and_variable(variable: str, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_for(URL) is None
    monkeypatch.setenv(variable, proxy)
    assert proxy_for(URL) == f"proxy.example.com:3128 (environment variable {variable})"
    monkeypatch.setenv("NO_PROXY", "kore.ai")
    assert proxy_for(URL) is None


@pytest.mark.parametrize(
    ("error", "text", "tries", "said"),
    [
        ("InvalidSchema", "Missing dependencies for SOCKS support.", 1, "PySocks"),
        ("ProxyError", "OSError('Tunnel connection failed: 407 Proxy Auth Required')", 1, "user name"),
        ("InvalidProxyURL", "Please check proxy URL.", 1, "must look like"),
        ("ProxyError", "OSError('Tunnel connection failed: 403 Forbidden')", 2, "which answers 403 Forbidden."),
        ("SSLError", "CERTIFICATE_VERIFY_FAILED", 1, "its certificate is not trusted here"),
        ("SSLError", "no file of certificates", 1, "names no file of certificates"),
        ("SSLError", "wrong version number", 2, "No secure connection to platform.kore.ai."),
    ],
)
def test_what_is_wrong_on_the_way_is_told_at_once_if_no_further_try_would_mend_it(
    error: str, text: str, tries: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.example.com:3128")
    fault = fault_of(handler(is_check=True), getattr(requests.exceptions, error)(text, request=request_of()), tries)
    assert said in fault.message
    assert error == "SSLError" or "proxy.example.com:3128 (environment variable HTTPS_PROXY)" in fault.message
    assert "secret" not in fault.message


def test_a_pause_is_never_the_same_twice() -> None:
    assert len({pauses(handler(), answer(503), 1)[0] for _ in range(20)}) > 10


def test_check_gives_up_at_the_second_fault_and_waits_for_no_limit() -> None:
    fault_of(handler(is_check=True), answer(500), MAX_TRIES_OF_A_CHECK)
    assert "rate limit" in fault_of(handler(is_check=True), answer(429), 1).message
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
    asked = handler(is_check=True)
    said, response = "", answer(status, body)
    try:
        said += str(asked.interpret_response(response).error_message)
        asked.interpret_response(response)
    except Fault as fault:
        said += fault.message
    assert "Bot st-1" in said
    assert not re.search(r"secret\Wwords", said)
