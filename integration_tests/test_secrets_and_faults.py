"""Secrets stay secret whatever goes wrong, and large or slow pages are read in smaller ones."""

import json
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from integration_tests.command import CATALOG, options, read, run
from integration_tests.kore_emulator import NOW, Emulator, Reading, generate_rows
from integration_tests.preloaded import started
from source_kore_llm_logs.records.record import to_record

BOT = "st-alpha"
ROWS = generate_rows(BOT, NOW - timedelta(days=20), NOW - timedelta(minutes=5), 200, seed=3)
TRUTH = {to_record(BOT, row)["id"] for row in ROWS}
FAULTS = ["500", None, "truncated", "502", "reset", "broken", "503", None]


@pytest.mark.parametrize("name", ["check", "discover", "read"])
@pytest.mark.parametrize("is_debugged", [False, True])
@pytest.mark.parametrize(
    ("secret", "is_right", "reading"),
    [
        ("0123456789012345678901234567890123456789", True, Reading(largest_limit=20, faults_script=FAULTS)),
        ("1e5", True, Reading(largest_limit=50)),
        ("{{ config['client_id'] }}", True, Reading(largest_limit=50)),
        ("sécret-密-\"quoted\" \\ and $HOME", True, Reading(largest_limit=50)),
        ("right-length-and-yet-another-secret-than-the-app-has", False, Reading()),
        ("secret-of-an-app-without-the-scope-in-this-test", True, Reading(refusals={BOT: "scope"})),
        ("secret-while-the-answer-is-an-object-and-no-rows", True, Reading(faults_script=["object_200"] * 9)),
    ],
)  # fmt: skip
def test_no_output_of_any_command_holds_the_secret_or_a_token(
    name: str, is_debugged: bool, secret: str, is_right: bool, reading: Reading
) -> None:
    with Emulator(
        {BOT: ROWS}, reading, client_secret=secret if is_right else "what-the-app-really-has" * 2
    ) as emulator:
        config = emulator.config(client_secret=secret)
        documents = {"catalog": CATALOG} if name == "read" else {}
        # `--debug` makes the CDK tell all it knows.
        outcome = run(name, *(["--debug"] if is_debugged else []), config=config, **documents)
        printed = outcome.stdout + outcome.stderr
        for seen in emulator.requests:
            token = seen.headers["Auth"]
            assert token.split(".")[2] not in printed
            assert token not in printed
        assert len({seen.jti for seen in emulator.requests}) == len(emulator.requests)
    others = [message for message in outcome.messages if message["type"] not in ("RECORD", "CATALOG")]
    assert "Request Payload" not in json.dumps(others) + outcome.stderr
    if len(secret) > 3:
        assert secret not in printed
        assert secret.encode("unicode_escape").decode() not in printed
    if is_right and reading.refusals == {} and "object_200" not in (reading.faults_script or []):
        assert outcome.code == 0
        assert name != "read" or set(outcome.ids) == TRUTH


def test_a_page_above_the_size_that_passes_is_asked_for_smaller_and_so_are_the_next() -> None:
    with Emulator({BOT: ROWS}, Reading(fails_above_bytes=100_000)) as emulator:
        outcome = read(emulator.config(page_size=200))
        assert outcome.code == 0
        assert set(outcome.ids) == TRUTH
        refused = [int(seen.body["limit"]) for seen in emulator.requests if seen.status == 413]
        assert refused[0] == 200
        assert sorted(set(refused), reverse=True)[:2] == [200, 100]
        assert len(refused) < len(emulator.requests) / 2


def test_a_page_that_times_out_again_and_again_is_asked_for_smaller() -> None:
    with Emulator({BOT: ROWS}, Reading(fails_above_rows=100, fails_how="504")) as emulator:
        outcome = read(emulator.config(page_size=200))
        assert outcome.code == 0
        assert set(outcome.ids) == TRUTH
        asked = [(int(seen.body["limit"]), seen.status) for seen in emulator.requests]
        assert [limit for limit, status in asked if status == 504] == [200, 200]
        after = asked[asked.index((200, 504)) + 2 :]
        assert after[:2] == [(1, 200), (100, 200)]  # The server is there: it was the page.
        assert max(limit for limit, _ in after) == 100


def test_a_first_question_that_times_out_again_and_again_is_asked_in_smaller_pages() -> None:
    with Emulator({BOT: ROWS}, Reading(fails_above_rows=20, fails_how="504")) as emulator:
        outcome = read(emulator.config(page_size=200))
        assert outcome.code == 0
        assert set(outcome.ids) == TRUTH
        asked = [(int(seen.body["limit"]), seen.status) for seen in emulator.requests]
        assert asked[0] == (50, 504)
        first = next(limit for limit, status in asked if status == 200)
        assert first < 20


@pytest.mark.parametrize("fault", ["slow", "reset", "broken", "truncated", "503"])
def test_faults_on_every_third_request_lose_and_repeat_nothing(fault: Any) -> None:
    script = [None, None, fault] * 4
    with Emulator({BOT: ROWS}, Reading(largest_limit=20, faults_script=script, slow_seconds=0.5)) as emulator:
        outcome = read(emulator.config())
        assert outcome.code == 0
        assert set(outcome.ids) == TRUTH
        assert set(outcome.ids.values()) == {1}


def test_a_row_of_ten_megabytes_arrives_whole() -> None:
    text = 'x\u20ac\\"' * 2_000_000
    large = {**ROWS[0], "Payload Details": {"Request Payload": {"model": "gpt-4", "messages": [text]}}}
    with Emulator({BOT: [large, *ROWS[1:]]}) as emulator:
        outcome = read(emulator.config())
        assert outcome.code == 0
        by_id = {record["id"]: record for record in outcome.records}
        assert by_id[to_record(BOT, large)["id"]]["request_payload"]["messages"] == [text]


def test_the_hourly_limit_is_waited_out_by_its_own_words() -> None:
    reading = Reading(largest_limit=20, requests_per_hour=8, rate_window_scale=0.001, rate_refusal="text_400")
    with Emulator({BOT: ROWS}, reading) as emulator:
        outcome = read(emulator.config())
        assert outcome.code == 0
        assert set(outcome.ids) == TRUTH
        assert emulator.refused_by_rate > 0
        assert "hourly rate limit" in outcome.log


def test_an_unreachable_host_is_told_once_however_many_bots_there_are() -> None:
    config = {
        "host": "http://127.0.0.1:9", "bot_ids": [f"st-{n}" for n in range(100)],
        "client_id": "c", "client_secret": "s", "start_date": "2024-01-01",
    }  # fmt: skip
    outcome = run("check", timeout=30, config=config)
    (status,) = outcome.of_type("CONNECTION_STATUS")
    said = status["connectionStatus"]["message"]
    assert outcome.code == 1
    assert said.count("cannot reach 127.0.0.1:9") == 1
    assert "st-" not in said


def test_one_bot_that_waits_for_its_limit_does_not_hold_up_another() -> None:
    """The first bot's old parts are full and its limit is used up; the second has as many parts, and few rows."""
    full = [
        row
        for n in range(8)
        for row in generate_rows(BOT, NOW - timedelta(days=80 - n), NOW - timedelta(days=79 - n), 40, n)
    ]
    sparse = generate_rows("st-beta", NOW - timedelta(days=80), NOW - timedelta(minutes=5), 40, seed=9)
    with (
        Emulator({BOT: full, "st-beta": sparse}, Reading(largest_limit=4)) as emulator,
        tempfile.TemporaryDirectory() as folder,
    ):
        config = emulator.config(window_days=20, num_workers=4, requests_per_minute=100)
        words = ["read", *options(Path(folder), config=config, catalog=CATALOG)]
        found: set[str] = set()
        with started(words) as stdout:
            for text in stdout:
                message = json.loads(text)
                if message["type"] == "RECORD" and message["record"]["data"]["bot_id"] == "st-beta":
                    found.add(message["record"]["data"]["id"])
                if len(found) == len(sparse):
                    break
        # The second bot was read to its end while the first one had not come so far.
        assert len(found) == len(sparse)
        assert sum(seen.rows for seen in emulator.requests if seen.bot_id == BOT) < len(full)
