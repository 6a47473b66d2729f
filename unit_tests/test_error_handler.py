"""What each answer means: rows, a wait, another try, a smaller page, or one sentence."""

import gzip
import json
import re
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.http.error_handlers import ResponseAction
from urllib3.exceptions import ProtocolError

from source_kore_llm_logs.api.refusals import proxy_for
from source_kore_llm_logs.components.error_handler import (
    MAX_TRIES,
    MAX_TRIES_OF_A_CHECK,
    MAX_TRIES_OF_A_LARGE_PAGE,
    KoreErrorHandler,
    rows_of,
)
from source_kore_llm_logs.errors import ConnectorError
from source_kore_llm_logs.manifest import MANIFEST

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
URL = "https://platform.kore.ai/api/1.1/public/bot/st-1/getLLMUsageLogs"
FIXTURES = Path(__file__).parent / "fixtures"
REFUSALS = [json.loads(line) for line in (FIXTURES / "refusals.jsonl").read_text().splitlines()]
"""The statuses under which the vendor may say these words, and what a person is told."""
TOLD: dict[str, Any] = json.loads((FIXTURES / "told.json").read_text())
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
    tables = {name: TABLES[name] for name in ("refusals", "connection_errors")}
    return KoreErrorHandler(config={}, parameters={"is_check": is_check}, **tables)


def fault_of(asked: KoreErrorHandler, response: Any, tries: int) -> ConnectorError:
    """What is raised at the last of so many tries, all before it being followed by another."""
    for _ in range(tries - 1):
        assert asked.interpret_response(response).response_action is ResponseAction.RETRY
    with pytest.raises(ConnectorError) as raised:
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


ANOTHER_HOST = [(200, b"<html>", "an HTML page"), (200, b"OK", "not a JSON array"), (200, b"{}", "not a JSON array")]


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        *ANOTHER_HOST,
        (200, b"", "an empty body"),
        (200, b" \n", "an empty body"),
        (200, b"null", "not a JSON array"),
        (200, refusal("Internal server error"), "an error instead of rows: Internal server error"),
        (200, b'{"errors": "Something"}', "an error instead of rows: Something"),
        (200, b'{"message": "Something broke"}', "an error instead of rows: Something broke"),
        (200, b'{"error": {"message": "Something"}}', "an error instead of rows: Something"),
        (200, b'{"errors": [{"code": 5000}]}', "not a JSON array"),
        (200, b'{"hits": [{"a"', "cut off"),
        (200, ('[{"deep": ' + "[" * 3000 + "]" * 2999).encode(), "cut off"),
        *((status, b"", f"answered with status {status}.") for status in (408, 500, 502, 503, 520)),
    ],
)
def test_what_is_not_rows_is_a_fault_that_a_smaller_page_may_mend(status: int, body: bytes, said: str) -> None:
    asked = handler()
    assert asked.interpret_response(answer(200, b"[]")).response_action is ResponseAction.SUCCESS
    fault = fault_of(asked, answer(status, body), MAX_TRIES)
    assert (fault.category, fault.failure_type) == ("server_error", FailureType.transient_error)
    assert fault.message.startswith("Bot st-1: ")
    assert said in fault.message


@pytest.mark.parametrize(("status", "body", "said"), ANOTHER_HOST)
def test_where_nothing_but_that_was_ever_answered_it_ends_the_bot(status: int, body: bytes, said: str) -> None:
    asked = handler()
    asked.interpret_response(answer(200, b"[]", bot="st-2"))
    fault = fault_of(asked, answer(status, body), 3)
    assert (fault.category, fault.failure_type) == (None, FailureType.transient_error)
    assert said in fault.message


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case["words"] or "nothing")
def test_what_a_person_must_mend_is_told_at_once_by_the_vendors_words(case: dict[str, Any], as_json: bool) -> None:
    for status in case["statuses"]:
        body = refusal(case["words"]) if as_json else case["words"].encode()
        fault = fault_of(handler(), answer(status, body), 1)
        assert case["said"].lower() in fault.message.lower()
        assert case["words"] in fault.message
        assert (fault.failure_type, fault.category) == (FailureType.config_error, None)
        assert status not in (402, 410, 415, 451) or "`host`" not in fault.message


@pytest.mark.parametrize("status", [401, 403])
def test_a_page_in_the_place_of_a_refusal_is_a_firewall_s(status: int) -> None:
    said = f"an HTML page came in the place of the API's refusal ({status}): a firewall or a proxy keeps this machine"
    assert said in fault_of(handler(), answer(status, b"<!DOCTYPE html><html>Request blocked</html>"), 1).message


def test_gzip_that_no_header_tells_of_is_unpacked() -> None:
    assert rows_of(answer(200, gzip.compress(b'[{"a": 1}]'))) == [{"a": 1}]
    assert "lacks the scope" in fault_of(handler(), answer(401, gzip.compress(refusal("Wrong scope"))), 1).message
    assert "cut off" in fault_of(handler(), answer(200, gzip.compress(b"[]")[:-9]), MAX_TRIES).message


@pytest.mark.parametrize(("status", "suspected"), [(401, "`client_secret`"), (404, "`host`"), (501, "`host`")])
def test_where_other_bots_are_answered_neither_host_nor_credentials_are_suspected(status: int, suspected: str) -> None:
    fault = fault_of(handler(), answer(status, b"Not possible"), 1)
    assert suspected in fault.what
    assert re.search(r"(?i)other bots are answered.*Bot IDs \(`bot_ids`\)", fault.what_if_others_work)
    assert not re.search("`(client_secret|client_id|host)`", fault.what_if_others_work)


@pytest.mark.parametrize(
    "body",
    [b'{"data": "3q2+7w=="}', b'{"message": "3q2+7w=="}', b'"' + b"3q2+7wAB" * 20 + b'"',
     b"eyJhbGciOiJSU0EtT0FFUCJ9.abc.def.ghi.jkl-and-more-of-it"],
)  # fmt: skip
def test_an_encrypted_body_is_told_at_once(body: bytes) -> None:
    assert "enforces encrypted payloads" in fault_of(handler(), answer(200, body), 1).message


@pytest.mark.parametrize(
    ("status", "category"), [(400, "arguments"), (412, "arguments"), (413, "page_size"), (404, "not_found")]
)
def test_a_refusal_that_another_request_may_mend_says_so(status: int, category: str) -> None:
    fault = fault_of(handler(), answer(status, refusal("limit should be less than 100")), 1)
    assert fault.category == category


@pytest.mark.parametrize(("message", "ahead", "said"), TOLD["clocks"])
@pytest.mark.usefixtures("clock")
def test_a_clock_that_is_off_is_told_with_how_far(message: str, ahead: int | None, said: str) -> None:
    response = answer(401, refusal(message))
    if ahead is not None:
        response.headers["Date"] = format_datetime(NOW - timedelta(seconds=ahead), usegmt=True)
    assert said in fault_of(handler(), response, 1).message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(("location", "said"), TOLD["redirects"].items())
def test_a_redirect_is_told_with_the_host_it_leads_to_and_nothing_more(status: int, location: str, said: str) -> None:
    message = fault_of(handler(), answer(status, Location=location), 1).message
    assert re.search(said, message)
    assert "secret" not in message
    assert "`host`" in message


@pytest.mark.parametrize(("limit", "tries"), [("50", MAX_TRIES), ("51", MAX_TRIES_OF_A_LARGE_PAGE), (1000, 3)])
def test_a_large_page_that_fails_in_any_way_is_soon_asked_for_smaller(limit: Any, tries: int) -> None:
    aborted = ProtocolError("Connection aborted.")
    dropped = requests.exceptions.ConnectionError(aborted, request=request_of(limit=limit))
    for broken in (dropped, answer(200, b'[{"a": 1', limit=limit)):
        assert fault_of(handler(), broken, tries).category == "server_error"


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("status", [200, 400, 401, 403, 412, 429, 503])
@pytest.mark.parametrize(
    "message", ["You've exceeded the hourly rate limit. Please wait.", "Rate limit has been reached."]
)
def test_a_rate_limit_is_known_by_its_text_under_any_status(status: int, message: str, as_json: bool) -> None:
    response = answer(status, refusal(message) if as_json else message.encode())
    assert handler().interpret_response(response).response_action is ResponseAction.RATE_LIMITED


def test_a_bot_that_never_answered_all_tries_of_a_request_is_tried_twice_with_each_further_one_until_it_has() -> None:
    asked = handler()
    for bot, tries in (("st-1", MAX_TRIES), ("st-1", 2), ("st-2", MAX_TRIES), ("st-1", 2)):
        fault_of(asked, answer(503, bot=bot), tries)
    asked.interpret_response(answer(200, b"[]"))
    fault_of(asked, answer(503), MAX_TRIES)


def test_waits_time_outs_and_faults_are_counted_each_on_their_own_for_each_request() -> None:
    asked, response = handler(), answer(429)
    pauses(asked, response, 6)
    response.status_code = 503
    assert pauses(asked, response, 1)[0] < 1
    pauses(asked, response, MAX_TRIES - 2)
    assert asked.interpret_response(answer(503)).response_action is ResponseAction.RETRY
    assert f"Tried {MAX_TRIES} times." in fault_of(asked, response, 1).message
    asked, response = handler(), answer(503)
    pauses(asked, response, 2)
    response.status_code = 504
    pauses(asked, response, 1)
    assert fault_of(asked, response, 1).category == "page_size"


@pytest.mark.usefixtures("clock")
def test_a_wait_is_as_long_as_the_server_says_or_the_window_needs() -> None:
    in_a_minute = format_datetime(NOW + timedelta(seconds=60), usegmt=True)
    long_ago = format_datetime(datetime(2001, 1, 1, tzinfo=timezone.utc), usegmt=True)
    for header, wait in (("7", 7), (in_a_minute, 60), (long_ago, 1)):
        assert pauses(handler(), answer(429, **{"Retry-After": header}), 2) == [wait] * 2
    for nonsense in ("soon", "\u00b2", "-5", "9" * 20, "Fri, 31 Dec 9999 23:59:59 GMT"):
        assert 48 <= pauses(handler(), answer(429, **{"Retry-After": nonsense}), 4)[-1] <= 60
    hour = refusal("exceeded the hourly rate limit")
    assert all(48 <= wait <= 60 for wait in pauses(handler(), answer(400, b"the per-minute rate limit"), 9)[3:])
    assert 240 <= pauses(handler(), answer(400, hour), 9)[-1] <= 300
    faults = pauses(handler(), answer(503), MAX_TRIES - 1)
    assert faults[0] < 1
    assert max(faults) <= 90
    assert pauses(handler(), answer(503, **{"Retry-After": "20"}), 1) == [20]
    assert len({pauses(handler(), answer(503), 1)[0] for _ in range(20)}) > 10  # Bots do not all come at once.


def test_check_gives_up_at_the_second_fault_and_waits_for_no_limit() -> None:
    assert pauses(handler(is_check=True), answer(503, **{"Retry-After": "3600"}), 1) == [5]
    fault_of(handler(is_check=True), answer(500), MAX_TRIES_OF_A_CHECK)
    assert "rate limit" in fault_of(handler(is_check=True), answer(429), 1).message


@pytest.mark.parametrize(
    ("error", "category", "said"),
    [
        (ConnectionError(), "unreachable", "The connector cannot reach platform.kore.ai. Check Host (`host`)"),
        (ProtocolError("Connection aborted."), "server_error", "Bot st-1: platform.kore.ai broke off the connection"),
    ],
)
def test_a_host_out_of_reach_is_named_and_a_break_with_its_bot(error: Exception, category: str, said: str) -> None:
    fault = fault_of(handler(), requests.exceptions.ConnectionError(error, request=request_of()), MAX_TRIES)
    assert fault.category == category
    assert fault.message.startswith(said)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("proxy", ["http://me:secret@proxy.example.com:3128", "me:secret@proxy.example.com:3128/"])
def test_a_proxy_is_named_by_address_and_variable(variable: str, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_for(URL) is None
    monkeypatch.setenv(variable, proxy)
    assert proxy_for(URL) == f"proxy.example.com:3128 (environment variable {variable})"
    monkeypatch.setenv("NO_PROXY", "kore.ai")
    assert proxy_for(URL) is None


@pytest.mark.parametrize(("error", "text", "tries", "said"), TOLD["on the way"])
def test_what_is_wrong_on_the_way_is_told_at_once_if_no_further_try_would_mend_it(
    error: str, text: str, tries: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.example.com:3128")
    fault = fault_of(handler(is_check=True), getattr(requests.exceptions, error)(text, request=request_of()), tries)
    assert said in fault.message
    assert error == "SSLError" or "proxy.example.com:3128 (environment variable HTTPS_PROXY)" in fault.message
    assert "secret" not in fault.message


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
    asked, response, said = handler(is_check=True), answer(status, body), ""
    try:
        said += str(asked.interpret_response(response).error_message)
        asked.interpret_response(response)
    except ConnectorError as fault:
        said += fault.message
    assert "Bot st-1" in said
    assert not re.search(r"secret\Wwords", said)


def test_words_lose_what_is_not_to_be_seen() -> None:
    message = fault_of(handler(), answer(400, refusal("bad\0\x1b[31margument\x85")), 1).message
    assert "status 400: bad [31margument. " in message
