"""Over HTTP: what a server may do to a page, to a clock or to one bot among many, and what the sync makes of it."""

import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from airbyte_cdk.models import Status

from integration_tests.command import Outcome
from integration_tests.in_process import sync
from integration_tests.kore_emulator import NOW, Emulator, Reading, RequestSeen, even_rows
from integration_tests.kore_emulator.behaviour import iso
from integration_tests.kore_emulator.clock import FIXED
from integration_tests.kore_emulator.simulation import Answer, Refusal
from source_kore_llm_logs import SourceKoreLlmLogs
from source_kore_llm_logs.components.requester import BotSession

BOT, OTHER = "st-alpha", "st-beta"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
COUNT = 700


def rows_of(bot: str, count: int = COUNT) -> list[dict[str, Any]]:
    """One every five minutes, the newest an hour old."""
    return even_rows(bot, NOW - HOUR - count * 5 * MINUTE, NOW - HOUR, count)


ROWS = rows_of(BOT)


@pytest.fixture(autouse=True)
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What the log says. No line names a bot twice at its beginning."""
    caplog.set_level(logging.INFO)
    yield caplog
    assert not [line for line in caplog.messages if line.count("Bot st-") > 1]


def whole(emulator: Emulator, waits: list[float] | None = None, **config: Any) -> Outcome:
    """A sync that gives each row of each bot once."""
    synced = sync(emulator.config(**config), waits=waits)
    assert synced.errors == []
    for bot in emulator.bots:
        assert synced.rows(bot) == {row["Description"]: 1 for row in emulator.rows(bot)}
    return synced


def limits(seen: list[RequestSeen]) -> Counter[int]:
    return Counter(int(one.body["limit"]) for one in seen)


def failed(emulator: Emulator) -> list[RequestSeen]:
    return [seen for seen in emulator.requests if seen.status != 200]


# Pages that are too large


@pytest.mark.parametrize(
    "reading",
    [
        *(Reading(fails_above_rows=100, fails_how=how) for how in ("500", "502", "413", "dropped", "cut body")),
        Reading(largest_limit=100, above_limit="500"),
    ],
)
def test_a_server_that_fails_above_a_hundred_rows_is_read_whole_and_seldom_asked_for_more(reading: Reading) -> None:
    with Emulator({BOT: even_rows(BOT, NOW - 300 * DAY, NOW - HOUR, 1200)}, reading) as emulator:
        whole(emulator)
        too_large = limits(failed(emulator))
    assert {1000, 500, 250} < too_large.keys()
    assert len(too_large) == 4
    assert max(too_large.values()) <= 6
    assert too_large.total() <= 15


@pytest.mark.parametrize(("how", "megabytes"), [("502", 6), ("cut body", 2)])
def test_a_server_that_fails_above_some_megabytes_is_read_whole(how: Any, megabytes: int) -> None:
    """The newest rows are small, so that nothing tells of it before the log is read."""
    rows = even_rows(BOT, NOW - 2 * HOUR, NOW - HOUR, 60)
    for number, row in enumerate(even_rows(BOT, NOW - 20 * HOUR, NOW - 6 * HOUR, 150)):
        rows.append({**row, "Description": f"large {number}", "Payload Details": {"Request Payload": "x" * 80_000}})
    with Emulator(
        {BOT: rows}, Reading(fails_above_bytes=megabytes * 2**20, fails_how=how, descending=True)
    ) as emulator:
        whole(emulator)
        too_large = limits(failed(emulator))
    assert 1 <= max(too_large.values()) <= 7
    assert len(too_large) <= 7


def test_months_without_a_row_before_the_first_do_not_make_pages_small() -> None:
    with Emulator({BOT: even_rows(BOT, NOW - 8 * DAY, NOW - HOUR, 3000)}) as emulator:
        whole(emulator, start_date=f"{NOW - 200 * DAY:%Y-%m-%d}")
        assert len(emulator.requests) <= 50


def test_a_fault_of_a_moment_halves_the_page_and_no_more() -> None:
    """Three tries for the first large page fail, a small page comes, and then one of half the size."""
    with Emulator({BOT: ROWS}) as emulator:
        whole(emulator)
        first = next(number for number, seen in enumerate(emulator.requests) if seen.rows == COUNT)
        emulator.reading = Reading(fails_at=frozenset({first, first + 1, first + 2}))
        emulator.clear_requests()
        whole(emulator)
        assert limits(failed(emulator)) == {1000: 3}
        assert emulator.requests[first + 4].rows == 500


# A server that does not answer in time


@pytest.fixture
def unanswered(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """No answer comes in time where `is_silent` of it; `seconds` are those that each try would have waited for it."""
    these = SimpleNamespace(seconds=[], is_silent=lambda answered: True)
    send = BotSession.send

    def sent(session: BotSession, request: Any, **options: Any) -> requests.Response:
        answered = send(session, request, **options)
        if not these.is_silent(answered):
            return answered
        these.seconds.append(options["timeout"][1])
        raise requests.ReadTimeout("Read timed out.", request=request)

    monkeypatch.setattr(BotSession, "send", sent)
    return these


def test_a_time_out_at_large_pages_shrinks_the_page_for_good(unanswered: SimpleNamespace) -> None:
    unanswered.is_silent = lambda answered: len(answered.json()) > 100
    with Emulator({BOT: ROWS}) as emulator:
        whole(emulator, window_days=1)
        assert limits([seen for seen in emulator.requests if seen.rows > 100]) == {1000: 2, 500: 2, 250: 2, 125: 2}
        assert set(unanswered.seconds) == {60}


def test_a_check_of_a_server_that_never_answers_says_so_in_half_a_minute(unanswered: SimpleNamespace) -> None:
    bots: dict[str, list[Any]] = {f"st-{n}": [] for n in range(100)}
    with Emulator(bots) as emulator:
        status = SourceKoreLlmLogs().check(logging.getLogger("airbyte"), emulator.config())
    assert status.status is Status.FAILED
    assert f"{emulator.url.removeprefix('http://')} did not answer in time. Tried 2 times." in str(status.message)
    assert set(unanswered.seconds) == {10}
    # Sixteen bots are asked side by side, each twice; how many more begin before the first is told, is the machine's.
    assert len(unanswered.seconds) < 2 * len(bots)


@pytest.mark.parametrize("after", [0, 12])
def test_a_read_gives_up_in_minutes(unanswered: SimpleNamespace, after: int) -> None:
    waits = list[float]()
    with Emulator({BOT: ROWS}) as emulator:
        unanswered.is_silent = lambda answered: len(emulator.requests) > after
        synced = sync(emulator.config(page_size=50), waits=waits)
    (error,) = synced.errors
    host = emulator.url.removeprefix("http://")
    assert error["message"] == f"Bot {BOT}: {host} did not answer in time. Tried 2 times."
    assert error["failure_type"] == "transient_error"
    assert sum(unanswered.seconds) + sum(waits) < 15 * 60


# Refusals in the middle of a sync

REFUSALS = ["401", "html_403", "404", "302", "encrypted"]


@pytest.mark.parametrize(("rows", "at", "times"), [(ROWS, 2, 3), (ROWS, 20, 1), ([], 2, 2)])
@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_that_passes_costs_a_pause(refusal: Any, rows: list[Any], at: int, times: int) -> None:
    waits = list[float]()
    with Emulator({BOT: rows}, Reading(faults_script=[None] * (at - 1) + [refusal] * times)) as emulator:
        whole(emulator, waits, page_size=50)
    assert waits == [1.0, 5.0, 15.0][:times]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_that_lasts_is_transient_and_another_bot_is_read(refusal: Any) -> None:
    waits = list[float]()
    lasting = {BOT: {"faults_script": [None] * 15, "fault_rate": 1.0, "faults": [refusal]}}
    with Emulator({BOT: ROWS, OTHER: rows_of(OTHER)}, Reading(by_bot=lasting)) as emulator:
        synced = sync(emulator.config(page_size=50, num_workers=1, window_days=1), waits=waits)
    (error,) = synced.errors
    assert error["failure_type"] == "transient_error"
    assert error["message"].startswith(f"Bot {BOT}: ")
    assert "The API had given answers before in this sync; 4 tries failed." in error["message"]
    assert synced.rows(OTHER) == {row["Description"]: 1 for row in ROWS}
    assert waits[-3:] == [1.0, 5.0, 15.0]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_of_the_first_request_is_a_config_error(refusal: Any, lines: pytest.LogCaptureFixture) -> None:
    waits = list[float]()
    with Emulator({BOT: ROWS}, Reading(fault_rate=1, faults=[refusal])) as emulator:
        synced = sync(emulator.config(start_date="2026-01-01T00:00:00Z"), waits=waits)
        assert (len(emulator.requests), waits) == (1, [])
    assert set(synced.cursors.values()) <= {"2026-01-01T00:00:00.000Z"}
    assert [error["failure_type"] for error in synced.errors] == ["config_error"]
    assert sum(": 0 records in 1 request, 0 rows received; 0 parts, " in line for line in lines.messages) == 1


def test_a_404_behind_the_last_row_is_the_end() -> None:
    def refuse_what_lies_behind(seen: RequestSeen) -> None:
        if int(seen.body["skip"]) >= COUNT:
            raise Refusal(Answer(404, words="Not found"))

    waits = list[float]()
    with Emulator({BOT: ROWS}) as emulator:
        emulator.before_response = refuse_what_lies_behind
        whole(emulator, waits, page_size=50)
        assert 0 < len(failed(emulator)) <= 8
    assert set(waits) == {1.0}


def test_a_limit_that_is_never_free_ends_the_bot_after_one_request() -> None:
    reading = Reading(faults_script=[None] * 5, fault_rate=1, faults=["429"])
    with Emulator({BOT: ROWS}, reading) as emulator:
        synced = sync(emulator.config())
        assert len({str(seen.body) for seen in failed(emulator)}) == 1
    assert "the API's rate limit is used up by other requests" in synced.told


# Clocks


def three_syncs(
    monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]], ahead: timedelta
) -> tuple[Counter[str], datetime]:
    """The rows of three syncs, one and a half hours apart, each with the state of the one before, and when the last one
    began. The log grows as time passes at the server, whose `Date` is right; the local clock is off by `ahead`."""
    state, found = None, Counter[str]()
    for number in range(3):
        now = FIXED + number * 1.5 * HOUR
        began = time.monotonic()
        monkeypatch.setattr(time, "time", lambda: (now + ahead).timestamp() + time.monotonic() - began)  # noqa: B023
        with Emulator({BOT: rows}, Reading(lag_seconds=0.001), now=now) as emulator:
            config = emulator.config(start_date=f"{FIXED - 4 * DAY:%Y-%m-%d}", lookback_minutes=0)
            synced = sync(config, state)
        assert synced.errors == []
        state, found = synced.states[-1:], found + synced.rows(BOT)
        assert synced.cursors[BOT] < f"{now:%Y-%m-%dT%H:%M:%S}"
    return found, now


def due(rows: list[dict[str, Any]], until: datetime) -> set[str]:
    return {row["Description"] for row in rows if row["End Date"] <= iso(int(until.timestamp() * 1000))}


UNTIL = FIXED + 4 * HOUR
DENSE = even_rows(BOT, UNTIL - 800 * 7 * MINUTE, UNTIL, 800)
SPARSE = even_rows(BOT, UNTIL - 40 * 83 * MINUTE, UNTIL, 40)
FEW = even_rows(BOT, FIXED - 40 * MINUTE, FIXED + 200 * MINUTE, 6)


@pytest.mark.parametrize("rows", [DENSE, SPARSE, FEW])
@pytest.mark.parametrize("ahead", [3 * HOUR, 10 * MINUTE, -HOUR])
def test_with_a_local_clock_that_is_off_no_row_is_lost_and_one_line_tells_of_one_that_is_ahead(
    monkeypatch: pytest.MonkeyPatch, lines: pytest.LogCaptureFixture, rows: list[dict[str, Any]], ahead: timedelta
) -> None:
    """Where it is behind, the rows of that time wait."""
    found, now = three_syncs(monkeypatch, rows, ahead)
    earlier = now - 2 * MINUTE
    assert due(rows, min(earlier, earlier + ahead)) <= set(found) <= due(rows, earlier)
    about = [record.levelno for record in lines.records if "clock" in record.getMessage()]
    assert about == [logging.WARNING] * (3 if ahead > timedelta(0) else 0)


# Many bots


def workers() -> set[threading.Thread]:
    """The CDK's threads that are alive; some may be left of a sync before."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("workerpool")}


def test_many_bots_are_read_by_one_worker_and_their_last_state_is_printed_although_some_fail() -> None:
    bots = {f"st-{n}": rows_of(f"st-{n}", 3) for n in range(20)}
    bad = {bot for bot in bots if bot.endswith("7")}
    threads, before = list[int](), workers()
    with Emulator(bots, Reading(without_scope=frozenset(bad))) as emulator:
        emulator.before_response = lambda seen: threads.append(len(workers() - before))
        synced = sync(emulator.config(num_workers=1))
    assert [error["message"][:8] for error in synced.errors] == ["2 bots: "]
    assert Counter(record["bot_id"] for record in synced.records) == dict.fromkeys(set(bots) - bad, 3)
    assert set(synced.cursors) == set(bots) - bad
    *_, state, status, _ = [message for message in synced.messages if message["type"] != "LOG"]
    assert state["type"] == "STATE"
    assert status["trace"]["stream_status"]["status"] == "INCOMPLETE"
    assert max(threads) <= 2


def test_many_bots_side_by_side_are_read_by_a_hundred_threads_and_states_do_not_grow_with_the_square() -> None:
    threads, before = list[int](), workers()
    began = time.monotonic()
    with Emulator({f"st-{n}": rows_of(f"st-{n}", 1) for n in range(130)}) as emulator:
        emulator.before_response = lambda seen: threads.append(len(workers() - before))
        synced = whole(emulator)
    sizes = [len(json.dumps(state)) for state in synced.states]
    assert sum(sizes) <= (8 + (time.monotonic() - began) / 3) * sizes[-1]
    assert len(synced.cursors) == 130
    assert max(threads) <= 101


# States and windows


def test_a_window_that_is_empty_by_now_is_read_as_nothing_and_its_state_stays() -> None:
    with Emulator({BOT: ROWS}) as emulator:
        first = whole(emulator)
        closed = emulator.config(end_date=f"{NOW - 2 * DAY:%Y-%m-%dT%H:%M:%SZ}")
        second = sync(closed, first.states[-1:])
        assert (second.errors, second.records, second.cursors) == ([], [], first.cursors)
        third = sync(emulator.config(lookback_minutes=0), second.states[-1:])
        assert (third.errors, third.records) == ([], [])
