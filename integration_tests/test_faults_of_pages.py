"""Over HTTP: what a server may do to a page, to a clock or to one bot among many, and what the sync makes of it."""

import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from airbyte_cdk.models import (
    AirbyteMessageSerializer,
    AirbyteStateMessageSerializer,
    ConfiguredAirbyteCatalogSerializer,
    Status,
)
from airbyte_cdk.sources.streams.http import rate_limiting

from integration_tests.command import CATALOG
from integration_tests.scripted_server import Answer, ScriptedServer
from source_kore_llm_logs import SourceKoreLlmLogs
from source_kore_llm_logs.components import requester, retriever
from source_kore_llm_logs.errors import Fault
from unit_tests.plain_log import Row, page_of, row_at, rows_until

BOT, OTHER = "st-alpha", "st-beta"
NOW = datetime.fromtimestamp(time.time() // 300 * 300 - 200, timezone.utc)
"""A moment that has just passed, 100 s behind a multiple of five minutes: so the bounds can be proved at any time."""
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ROWS = rows_until(NOW - HOUR, 700, 5 * MINUTE)
READ_TIMEOUT = 60
"""Seconds, of the manifest."""
Fault_ = Callable[[dict[str, Any], bytes], Answer | None]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between tries, which are not made."""
    pauses = list[float]()
    instead = SimpleNamespace(sleep=pauses.append)
    monkeypatch.setattr(rate_limiting, "time", instead)
    monkeypatch.setattr(retriever, "time", instead)
    return pauses


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Whatever time-out is configured is noted, and a fraction of a second taken for it."""
    configured, send = list[Any](), requester.BotSession.send

    def hasty(self: Any, request: Any, **options: Any) -> requests.Response:
        configured.append(options["timeout"])
        return send(self, request, **{**options, "timeout": (2, 0.25)})

    monkeypatch.setattr(requester.BotSession, "send", hasty)
    return configured


@dataclass
class Log:
    """The rows of each bot, and what goes wrong: `fault` is asked about the body of each request and its answer."""

    rows: Mapping[str, list[Row]]
    fault: Fault_ = lambda body, page: None
    given: Callable[[bytes], Answer] = lambda page: Answer(body=page)
    asked: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, bot: str, body: dict[str, Any]) -> Answer:
        self.asked.append(body)
        page = json.dumps(page_of(self.rows[bot], body)).encode()
        answer = self.fault(body, page)
        if answer is not None:
            self.failed.append(body)
        return answer or self.given(page)


@dataclass
class Synced:
    """What a sync printed and how it ended."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    fault: Fault | None = None

    @property
    def rows(self) -> Counter[str]:
        """By their descriptions: how often each was emitted."""
        return Counter(message["record"]["data"]["description"] for message in self.of("RECORD"))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    @property
    def state(self) -> list[dict[str, Any]]:
        return [self.of("STATE")[-1]["state"]]

    @property
    def cursors(self) -> dict[str, str]:
        states = self.state[0]["stream"]["stream_state"]["states"]
        return {state["partition"]["bot_id"]: state["cursor"]["end_date"] for state in states}

    @property
    def statuses(self) -> list[str]:
        return [message["trace"]["stream_status"]["status"] for message in self.of("TRACE")]


def config_for(server: ScriptedServer, *bots: str, **changes: Any) -> dict[str, Any]:
    return {
        "host": f"http://{server.address}", "bot_ids": list(bots), "client_id": "cs-1", "client_secret": "s" * 64,
        "start_date": f"{NOW - 3 * DAY:%Y-%m-%d}", "requests_per_minute": 100_000, "requests_per_hour": 1_000_000,
        **changes,
    }  # fmt: skip


def sync(config: dict[str, Any], state: list[dict[str, Any]] | None = None) -> Synced:
    exact, synced = SourceKoreLlmLogs._exact(config), Synced()
    catalog = ConfiguredAirbyteCatalogSerializer.load(CATALOG)
    states = [AirbyteStateMessageSerializer.load(one) for one in state] if state else None
    source = SourceKoreLlmLogs(catalog, exact, states)
    try:
        for message in source.read(logging.getLogger("airbyte"), exact, catalog, states):
            synced.messages.append(AirbyteMessageSerializer.dump(message))
    except Fault as fault:
        synced.fault = fault
    return synced


@pytest.fixture(autouse=True)
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What the log says. No line names a bot twice at its beginning."""
    caplog.set_level(logging.INFO)
    yield caplog
    assert not [line for line in caplog.messages if line.count("Bot st-") > 1]


def synced_whole(log: Log, **config: Any) -> Synced:
    with ScriptedServer(answers=log.answer) as server:
        synced = sync(config_for(server, *log.rows, **config))
    assert synced.fault is None
    assert synced.statuses[-1] == "COMPLETE"
    assert synced.rows == Counter(row["Description"] for rows in log.rows.values() for row in rows)
    return synced


# Pages that are too large

FAULTS = {
    "500": Answer(500),
    "502": Answer(502, b"<html>Bad Gateway</html>"),
    "413": Answer(413),
    "dropped": Answer(is_dropped=True),
    "cut": Answer(body=json.dumps(ROWS).encode(), is_cut=True),
}


def limits(bodies: list[dict[str, Any]]) -> Counter[int]:
    return Counter(int(body["limit"]) for body in bodies)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_fails_above_a_hundred_rows_is_read_whole_and_seldom_asked_for_them(fault: str) -> None:
    log = Log({BOT: ROWS}, lambda body, page: FAULTS[fault] if len(json.loads(page)) > 100 else None)
    synced_whole(log)
    assert limits(log.failed).keys() == {1000, 500, 250, 125}
    assert max(limits(log.failed).values()) <= 6
    assert len(log.failed) <= 15


@pytest.mark.parametrize(("fault", "megabytes"), [("500", 2), ("502", 6), ("dropped", 6), ("cut", 2)])
def test_a_server_that_fails_above_some_megabytes_is_read_whole(fault: str, megabytes: int) -> None:
    """The newest rows are small, so that nothing tells of it before the log is read."""
    large = rows_until(NOW - 6 * HOUR, 150, 5 * MINUTE, payload=80_000)
    rows = [row_at(NOW - HOUR - n * MINUTE, f"small {n}") for n in range(60)] + large
    log = Log({BOT: rows}, lambda body, page: FAULTS[fault] if len(page) > megabytes * 2**20 else None)
    synced_whole(log)
    assert 1 <= max(limits(log.failed).values()) <= 7
    assert len(limits(log.failed)) <= 7


@pytest.mark.parametrize("is_about_rows", [True, False])
def test_what_was_too_large_once_is_not_asked_for_again_in_a_sync_of_years(is_about_rows: bool) -> None:
    rows = rows_until(NOW - HOUR, 1200, 6 * HOUR)
    log = Log(
        {BOT: rows},
        lambda body, page: (
            Answer(500) if (len(json.loads(page)) if is_about_rows else int(body["limit"])) > 100 else None
        ),
    )
    synced_whole(log, start_date=f"{NOW - 301 * DAY:%Y-%m-%d}")
    assert max(limits(log.failed).values()) <= 6


def test_months_without_a_row_before_the_first_do_not_make_pages_small() -> None:
    log = Log({BOT: rows_until(NOW - HOUR, 3000, 4 * MINUTE)})
    synced_whole(log, start_date=f"{NOW - 200 * DAY:%Y-%m-%d}")
    assert len(log.asked) <= 50


def test_a_time_out_at_large_pages_shrinks_the_page_for_good(impatient: list[Any]) -> None:
    log = Log({BOT: ROWS}, lambda body, page: Answer(after=2) if len(json.loads(page)) > 100 else None)
    synced_whole(log, window_days=1)
    assert limits(log.failed) == {1000: 2, 500: 2, 250: 2, 125: 2}
    assert {timeout[1] for timeout in impatient} == {READ_TIMEOUT}


def test_a_fault_of_a_moment_does_not_shrink_the_page() -> None:
    """Three tries fail, a small page comes, and then the large one."""
    log = Log({BOT: ROWS}, lambda body, page: Answer(503) if len(page) > 50_000 and len(log.failed) < 3 else None)
    synced_whole(log)
    assert limits(log.failed) == {1000: 3}
    assert len(page_of(ROWS, log.asked[log.asked.index(log.failed[-1]) + 4])) == len(ROWS)


# Refusals in the middle of a sync

REFUSALS = {
    "401": Answer(401, b'{"errors": [{"msg": "Invalid SDK credentials"}]}'),
    "403": Answer(403, b"<html>Forbidden</html>"),
    "404": Answer(404),
    "302": Answer(302, headers={"Location": "/login"}),
    "encrypted": Answer(200, b'{"data": "3q2+7w=="}'),
}


@pytest.mark.parametrize("at", [2, 20])
@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_that_passes_costs_a_pause(refusal: str, at: int, waits: list[float]) -> None:
    log = Log({BOT: ROWS}, lambda body, page: REFUSALS[refusal] if len(log.asked) == at else None)
    synced_whole(log, page_size=50)
    assert len(log.failed) == 1
    assert waits == [1.0]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_that_lasts_is_transient_and_another_bot_is_read(refusal: str, waits: list[float]) -> None:
    def fault(body: dict[str, Any], page: bytes) -> Answer | None:
        is_first = bot_asked[-1] == BOT
        return REFUSALS[refusal] if is_first and bot_asked.count(BOT) > 15 else None

    bot_asked = list[str]()
    log = Log({BOT: ROWS, OTHER: ROWS}, fault)

    def answer(bot: str, body: dict[str, Any]) -> Answer:
        bot_asked.append(bot)
        return log.answer(bot, body)

    with ScriptedServer(answers=answer) as server:
        synced = sync(config_for(server, BOT, OTHER, page_size=50, num_workers=1, window_days=1))
    assert synced.fault is not None
    assert str(synced.fault.failure_type) == "FailureType.transient_error"
    assert synced.fault.message.startswith(f"Bot {BOT}: ")
    assert "The API had given answers before in this sync; 4 tries failed." in synced.fault.message
    others = [one for one in synced.of("RECORD") if one["record"]["data"]["bot_id"] == OTHER]
    assert len(others) == len(ROWS)
    assert len(synced.rows) == len(ROWS)
    assert waits[-3:] == [1.0, 5.0, 15.0]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_of_the_first_request_is_a_config_error_at_once(refusal: str, waits: list[float]) -> None:
    log = Log({BOT: ROWS}, lambda body, page: REFUSALS[refusal])
    with ScriptedServer(answers=log.answer) as server:
        synced = sync(config_for(server, BOT))
    assert synced.fault is not None
    assert str(synced.fault.failure_type) == "FailureType.config_error"
    assert (len(log.asked), waits) == (1, [])


def test_a_404_behind_the_last_row_is_the_end(waits: list[float]) -> None:
    log = Log({BOT: ROWS}, lambda body, page: Answer(404) if page == b"[]" and int(body["skip"]) else None)
    synced_whole(log, page_size=50)
    assert 0 < len(log.failed) <= 8
    assert set(waits) == {1.0}


def test_a_limit_that_is_never_free_ends_the_bot_after_one_request() -> None:
    log = Log({BOT: ROWS}, lambda body, page: Answer(429) if len(log.asked) > 5 else None)
    with ScriptedServer(answers=log.answer) as server:
        synced = sync(config_for(server, BOT))
    assert synced.fault is not None
    assert "the API's rate limit is used up by other requests" in synced.fault.message
    assert len(set(map(str, log.failed))) == 1


# A server that never answers

SILENT = Answer(after=30)


def seconds_that_it_takes(timeouts: list[Any], waits: list[float]) -> float:
    """Every try waits for its connection and its answer."""
    return sum(sum(timeout) for timeout in timeouts) + sum(waits)


def test_a_check_of_a_server_that_never_answers_says_so_in_half_a_minute(
    impatient: list[Any], waits: list[float]
) -> None:
    bots = [f"st-{n}" for n in range(100)]
    with ScriptedServer(answers=lambda bot, body: SILENT) as server:
        status = SourceKoreLlmLogs().check(logging.getLogger("airbyte"), config_for(server, *bots))
        asked = len(impatient)  # Bots that had begun are asked again while the server stops.
    assert status.status is Status.FAILED
    assert f"{server.address} did not answer in time. Tried 2 times." in str(status.message)
    assert {timeout[1] for timeout in impatient} == {10}
    # Sixteen bots are asked side by side, each twice; how many more begin before the first is told, is the machine's.
    assert asked < 2 * len(bots)
    assert 2 * 10 + max(waits) < 30


@pytest.mark.parametrize("after", [0, 12])
def test_a_read_gives_up_in_minutes(impatient: list[Any], waits: list[float], after: int) -> None:
    log = Log({BOT: ROWS}, lambda body, page: SILENT if len(log.asked) > after else None)
    with ScriptedServer(answers=log.answer) as server:
        synced = sync(config_for(server, BOT, page_size=50))
        assert synced.fault is not None
        assert synced.fault.message == f"Bot {BOT}: {server.address} did not answer in time. Tried 2 times."
    assert str(synced.fault.failure_type) == "FailureType.transient_error"
    assert seconds_that_it_takes(impatient[after:], waits) < 15 * 60


# Clocks


@dataclass
class Timeline:
    """A log that grows as time passes at the server, whose `Date` is right; the local clock is off by `ahead`."""

    rows: list[Row]
    ahead: timedelta
    dated: Callable[[datetime], str] = lambda moment: f"{moment:%a, %d %b %Y %H:%M:%S} GMT"
    server_ahead: timedelta = timedelta(0)
    present: datetime = NOW

    def answer(self, bot: str, body: dict[str, Any]) -> Answer:
        written = [row for row in self.rows if datetime.fromisoformat(row["End Date"][:-1] + "+00:00") <= self.present]
        date = self.dated(self.present + self.server_ahead)
        return Answer(body=json.dumps(page_of(written, body)).encode(), headers={"Date": date})


def three_syncs(told: Timeline, monkeypatch: pytest.MonkeyPatch, **config: Any) -> Counter[str]:
    """The rows of three syncs, one and a half hours apart, each with the state of the one before."""
    monkeypatch.setattr(time, "time", lambda: (told.present + told.ahead).timestamp())
    state, found = None, Counter[str]()
    with ScriptedServer(answers=told.answer) as server:
        for number in range(3):
            told.present = NOW + number * 1.5 * HOUR
            # Before the oldest row, whatever hour of the day it is.
            synced = sync(config_for(server, BOT, start_date=f"{NOW - 4 * DAY:%Y-%m-%d}", **config), state)
            assert synced.fault is None
            state, found = synced.state, found + synced.rows
            assert synced.cursors[BOT] < f"{told.present.replace(tzinfo=None).isoformat()}Z"
    return found


def due(told: Timeline) -> set[str]:
    """The rows that ended two minutes before the last sync."""
    until = (told.present - 2 * MINUTE).replace(tzinfo=None).isoformat()
    return {row["Description"] for row in told.rows if row["End Date"] <= until}


DENSE = rows_until(NOW + 4 * HOUR, 800, 7 * MINUTE)
SPARSE = rows_until(NOW + 4 * HOUR, 40, 83 * MINUTE)


FEW = [row_at(NOW + n * 40 * MINUTE, f"{n}") for n in range(6)]


@pytest.mark.parametrize("rows", [DENSE, SPARSE, FEW])
@pytest.mark.parametrize("ahead", [3 * HOUR, 10 * MINUTE])
def test_with_the_local_clock_ahead_no_row_is_lost_and_one_line_tells_it(
    monkeypatch: pytest.MonkeyPatch, lines: pytest.LogCaptureFixture, rows: list[Row], ahead: timedelta
) -> None:
    told = Timeline(rows, ahead)
    assert set(three_syncs(told, monkeypatch, lookback_minutes=0)) == due(told)
    about = [record for record in lines.records if "clock" in record.getMessage()]
    assert len(about) == 3
    assert {record.levelno for record in about} == {logging.WARNING}


def absurd(date: str) -> Callable[[datetime], str]:
    return lambda moment: date


@pytest.mark.parametrize(
    "dated",
    [
        absurd(""),
        absurd("Thu, 01 Jan 1970 00:00:00 GMT"),
        absurd("Fri, 31 Dec 9999 23:59:59 GMT"),
        lambda moment: f"{moment + 5 * HOUR:%a, %d %b %Y %H:%M:%S} GMT",
    ],
)
def test_no_date_an_absurd_one_and_one_ahead_change_nothing(
    monkeypatch: pytest.MonkeyPatch, lines: pytest.LogCaptureFixture, dated: Callable[[datetime], str]
) -> None:
    told = Timeline(DENSE, timedelta(0), dated)
    assert set(three_syncs(told, monkeypatch)) == due(told)
    assert not [line for line in lines.messages if "clock" in line]


def test_with_the_local_clock_behind_rows_wait_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Timeline(DENSE, -HOUR)
    found = three_syncs(told, monkeypatch)
    until = (told.present - HOUR - 2 * MINUTE).replace(tzinfo=None).isoformat()
    assert set(found) >= {row["Description"] for row in told.rows if row["End Date"] <= until}


# Many bots


def workers() -> set[threading.Thread]:
    """The CDK's threads that are alive; some may be left of a sync before."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("workerpool")}


def test_many_bots_are_read_by_one_worker_and_their_last_state_is_printed_although_some_fail() -> None:
    bots = {f"st-{n}": rows_until(NOW - HOUR, 3, HOUR) for n in range(20)}
    log = Log(bots)

    def answer(bot: str, body: dict[str, Any]) -> Answer:
        return Answer(401) if bot.endswith("7") else log.answer(bot, body)

    threads, before = list[int](), workers()

    def counted(bot: str, body: dict[str, Any]) -> Answer:
        threads.append(len(workers() - before))
        return answer(bot, body)

    with ScriptedServer(answers=counted) as server:
        synced = sync(config_for(server, *bots, num_workers=1))
    good = {bot for bot in bots if not bot.endswith("7")}
    assert synced.fault is not None
    assert synced.fault.message.startswith("2 bots: ")
    assert Counter(one["record"]["data"]["bot_id"] for one in synced.of("RECORD")) == dict.fromkeys(good, 3)
    assert set(synced.cursors) == good
    kinds = [message["type"] for message in synced.messages]
    assert kinds[-2:] == ["STATE", "TRACE"]
    assert synced.statuses[-1] == "INCOMPLETE"
    assert max(threads) <= 2


def test_three_hundred_bots_side_by_side_are_read_by_a_hundred_threads_and_states_do_not_grow_with_the_square() -> None:
    bots = {f"st-{n}": rows_until(NOW - HOUR, 1, HOUR) for n in range(300)}
    threads, before = list[int](), workers()

    def given(page: bytes) -> Answer:
        threads.append(len(workers() - before))
        return Answer(body=page)

    began = time.monotonic()
    synced = synced_whole(Log(bots, given=given))
    states = synced.of("STATE")
    sizes = [len(json.dumps(state)) for state in states]
    assert sum(sizes) <= (8 + (time.monotonic() - began) / 3) * sizes[-1]
    assert len(synced.cursors) == 300
    assert [message["type"] for message in synced.messages[-2:]] == ["STATE", "TRACE"]
    assert max(threads) <= 101


# States and windows


def test_a_window_that_is_empty_by_now_is_read_as_nothing_and_its_state_stays() -> None:
    with ScriptedServer(answers=Log({BOT: ROWS}).answer) as server:
        first = sync(config_for(server, BOT))
        closed = config_for(server, BOT, end_date=f"{NOW - 2 * DAY:%Y-%m-%dT%H:%M:%SZ}")
        second = sync(closed, first.state)
        third = sync(config_for(server, BOT, lookback_minutes=0), second.state)
    assert (second.fault, second.rows) == (None, Counter())
    assert second.statuses[-1] == "COMPLETE"
    assert second.cursors == first.cursors
    assert third.fault is None
    assert third.rows == Counter()


def test_the_state_of_a_newer_version_is_resumed_from() -> None:
    with ScriptedServer(answers=Log({BOT: ROWS}).answer) as server:
        first = sync(config_for(server, BOT))
        newer = json.loads(json.dumps(first.state))
        blob = newer[0]["stream"]["stream_state"]
        blob.update(version=9, use_global_cursor=True, state={"end_date": "2020-01-01T00:00:00.000Z"})
        blob["states"][0].update(profile={"limit": 50})
        blob["states"][0]["cursor"]["until"] = "2999-01-01T00:00:00.000Z"
        second = sync(config_for(server, BOT, lookback_minutes=180), newer)
    assert second.fault is None
    assert 0 < len(second.rows) < 40
    assert second.cursors[BOT] >= first.cursors[BOT]


# What the log says


def test_the_lines_of_a_sync(lines: pytest.LogCaptureFixture) -> None:
    log = Log({BOT: ROWS}, lambda body, page: Answer(503) if len(log.asked) in (5, 6) else None)
    synced_whole(log)
    about = [line for line in lines.messages if line.startswith(f"Bot {BOT}: ")]
    profile, *_, closing = about
    assert profile.startswith(f"Bot {BOT}: the server answers with dates to the millisecond, ")
    assert profile.endswith(".")
    assert f"complete: 700 records in {len(log.asked)} requests, " in closing
    assert closing.endswith("1 part, none of them read more than once.")


def test_the_line_of_a_bot_that_fails_is_a_warning_with_all_that_was_sent(lines: pytest.LogCaptureFixture) -> None:
    log = Log({BOT: ROWS}, lambda body, page: Answer(500) if len(log.asked) > 5 else None)
    with ScriptedServer(answers=log.answer) as server:
        assert sync(config_for(server, BOT)).fault is not None
    (closing,) = [record for record in lines.records if "not read from there to" in record.getMessage()]
    assert closing.levelno == logging.WARNING
    assert f" in {len(log.asked)} requests, " in closing.getMessage()


def test_a_bot_that_was_refused_at_once_was_asked_once(lines: pytest.LogCaptureFixture) -> None:
    with ScriptedServer(answers=lambda bot, body: Answer(401)) as server:
        assert sync(config_for(server, BOT)).fault is not None
    assert sum(": 0 records in 1 request, 0 rows received; 0 parts, " in line for line in lines.messages) == 1
