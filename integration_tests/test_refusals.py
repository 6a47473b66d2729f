"""What refuses, and whom: a firewall or Kore.ai, one bot or all of them. Told by the real command line."""

import gzip
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from integration_tests.command import CATALOG, Outcome, options, read, run
from integration_tests.kore_emulator import NOW, generate_rows
from integration_tests.preloaded import started
from integration_tests.scripted_server import Answer, ScriptedServer

BOT, OTHER = "st-alpha", "st-beta"
ROWS = generate_rows(BOT, NOW - timedelta(days=2), NOW - timedelta(minutes=5), 1, seed=5)
HTML = b"<!DOCTYPE html><html><head><title>403 Forbidden</title></head><body>Request blocked</body></html>"


def config_for(server: ScriptedServer, *bots: str, **changes: Any) -> dict[str, Any]:
    return {
        "host": f"http://{server.address}", "bot_ids": list(bots), "client_id": "cs-1", "client_secret": "s" * 64,
        "start_date": f"{NOW - timedelta(days=3):%Y-%m-%d}", **changes,
    }  # fmt: skip


def envelope(message: str) -> bytes:
    return json.dumps({"errors": [{"msg": message, "code": 4002}]}).encode()


def told(outcome: Outcome) -> str:
    """The sentence of a failure."""
    assert outcome.code == 1
    statuses = [message["connectionStatus"]["message"] for message in outcome.of_type("CONNECTION_STATUS")]
    (sentence,) = statuses or [error["message"] for error in outcome.errors]
    return str(sentence)


def refused(answer: Answer, command: str = "check", bots: tuple[str, ...] = (BOT, OTHER)) -> str:
    """What is told where the first bot gets this answer, and the second an empty log."""
    with ScriptedServer(of_bot={BOT: answer}) as server:
        documents = {"catalog": CATALOG} if command == "read" else {}
        return told(run(command, config=config_for(server, *bots), **documents))


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (
            403,
            HTML,
            "an HTML page came in the place of the API's refusal (403): a firewall or a proxy keeps this machine",
        ),
        (
            401,
            HTML,
            "an HTML page came in the place of the API's refusal (401): a firewall or a proxy keeps this machine",
        ),
        (
            403,
            b"IP address is not whitelisted",
            "the address of this machine is not allowed. Have it added to the allow",
        ),
        (403, envelope("Your IP 10.0.0.1 is not allowed"), "the address of this machine is not allowed."),
        (401, envelope("Requests from this IP are blocked"), "the address of this machine is not allowed."),
    ],
)
def test_a_firewall_or_an_allow_list_is_no_missing_scope(status: int, body: bytes, said: str) -> None:
    sentence = refused(Answer(status, body))
    assert sentence.startswith(f"Bot {BOT}: {said}")
    assert "scope" not in sentence
    assert "client_secret" not in sentence


@pytest.mark.parametrize("body", [b"", b"Forbidden", envelope("Access denied")])
def test_a_403_that_says_nothing_may_be_either(body: bytes) -> None:
    sentence = refused(Answer(403, body))
    assert "the app lacks the scope" in sentence
    assert "Or a firewall or an allow list" in sentence


@pytest.mark.parametrize("status", [400, 401, 404, 412])
@pytest.mark.parametrize("words", ["Bot not found", "Bot with id st-alpha does not exist", "Invalid bot"])
def test_a_bot_that_is_not_there_is_that_bot_and_not_the_host(status: int, words: str) -> None:
    for body in (envelope(words), words.encode()):
        sentence = refused(Answer(status, body))
        assert sentence.startswith(f"Bot {BOT}: Kore.ai does not know this bot. Check Bot IDs (`bot_ids`)")
        assert words in sentence
        assert "`host`" not in sentence


@pytest.mark.parametrize("command", ["check", "read"])
def test_where_another_bot_was_answered_neither_host_nor_credentials_are_suspected(command: str) -> None:
    for answer in (Answer(401, envelope("Invalid SDK credentials")), Answer(404, envelope("Resource not found"))):
        sentence = refused(answer, command)
        assert "other bots are answered" in sentence.lower()
        assert "Bot IDs (`bot_ids`)" in sentence
        assert not any(name in sentence for name in ("`client_secret`", "`client_id`", "`host`"))


@pytest.mark.parametrize("command", ["check", "read"])
def test_where_no_other_bot_was_answered_they_are(command: str) -> None:
    assert "`client_secret`" in refused(Answer(401, envelope("Invalid SDK credentials")), command, (BOT,))
    assert "`host`" in refused(Answer(404, envelope("Resource not found")), command, (BOT,))


def test_no_cookie_is_kept() -> None:
    cookie = Answer(body=json.dumps(ROWS).encode(), headers={"Set-Cookie": "session=1; Path=/"})
    with ScriptedServer([cookie] * 3) as server:
        assert read(config_for(server, BOT)).code == 0
        assert len(server.asked) > 3
        assert not any("Cookie" in headers for _, _, headers in server.asked)


def test_gzip_that_no_header_tells_of_is_read() -> None:
    with ScriptedServer(page=gzip.compress(json.dumps(ROWS).encode())) as server:
        outcome = read(config_for(server, BOT))
    assert (outcome.code, len(outcome.ids)) == (0, len(ROWS))


def test_a_refusal_packed_like_that_is_read_too() -> None:
    assert "lacks the scope" in refused(Answer(401, gzip.compress(envelope("Permission denied. Scope is incorrect!"))))


def test_gzip_that_is_cut_off_is_a_fault_and_never_no_rows() -> None:
    sentence = refused(Answer(200, gzip.compress(json.dumps(ROWS).encode())[:-9]))
    assert "the answer was cut off in the middle. Tried 2 times" in sentence


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 -2359", "Fri, 31 Dec 2025 23:59:59 +" + "9" * 30])
def test_an_absurd_date_to_wait_for_is_no_fault_of_its_own(date: str) -> None:
    assert "status 503. Tried 2 times" in refused(Answer(503, headers={"Retry-After": date}))


def test_the_limit_that_is_used_up_is_told_in_words(tmp_path: Path) -> None:
    with ScriptedServer(page=json.dumps(ROWS).encode()) as server:
        config = config_for(server, BOT, requests_per_minute=3)
        with started(["read", *options(tmp_path, config=config, catalog=CATALOG)]) as stdout:
            line = next(text for text in stdout if "used up" in text)
    assert f"Bot {BOT}: 3 requests a minute are used up, waiting " in line


def test_the_log_begins_without_the_thresholds_of_a_memory_monitor() -> None:
    assert "MemoryMonitor" not in run("spec").stdout
