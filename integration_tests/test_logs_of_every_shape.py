"""Rows that are alike, odd, late, gone or ahead of the clock, and state of other syncs: each row once all the same."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from integration_tests.command import run
from integration_tests.in_process import UNLIMITED, Synced, assert_no_request_spans_more_than_90_days, sync
from integration_tests.kore_emulator import NOW, Emulator, Reading, even_rows

BOT, OTHER = "st-alpha", "st-beta"
START = datetime(2023, 12, 1, tzinfo=timezone.utc)


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def row(number: int, end: datetime, **columns: Any) -> dict[str, Any]:
    dates = {"start Date": stamp(end - timedelta(seconds=3)), "End Date": stamp(end)}
    return {**dates, "Time Taken": 3000 + number % 7, "Description": f"row {number}", "Status": "Success", **columns}


def closed(emulator: Emulator, days: float = 20, **settings: Any) -> dict[str, Any]:
    dates = {"start_date": stamp(START), "end_date": stamp(START + timedelta(days=days))}
    return emulator.config(**{**dates, **UNLIMITED, **settings})


def assert_whole(emulator: Emulator, synced: Synced) -> None:
    assert synced.failure is None
    assert synced.rows(BOT) == {raw.get("Description"): 1 for raw in emulator.rows(BOT)}
    assert_no_request_spans_more_than_90_days(emulator.requests)


@pytest.mark.parametrize("sent", ["2024-01-05T00:00:00Z", "2024-01-05T00:00:00.000+00:00", 1704412800000, "", "soon"])
def test_rows_with_odd_dates_are_never_dropped(sent: Any) -> None:
    odd = {**row(1, START + timedelta(days=35)), "End Date": sent}
    gone = {"Description": "no dates at all"}
    with Emulator({BOT: [odd, gone, row(2, START + timedelta(days=3))]}) as emulator:
        assert_whole(emulator, sync(closed(emulator, days=200)))


@pytest.mark.parametrize("filed_under", ["end", "start", "entry"])
def test_rows_that_appear_minutes_after_their_end_are_found_by_the_lookback(filed_under: Any) -> None:
    rows = even_rows(BOT, NOW - timedelta(minutes=50), NOW - timedelta(minutes=2), 200)
    with Emulator({BOT: rows}, Reading(lag_seconds=1500, filed_under=filed_under)) as emulator:
        config = emulator.config(start_date=stamp(NOW - timedelta(days=2)), page_size=50, **UNLIMITED)
        first = sync(config)
        assert first.failure is None
        assert 0 < len(first.rows(BOT)) < 200
        emulator.reading = Reading(filed_under=filed_under)
        second = sync(config, first.states[-1:])
        assert set(first.rows(BOT)) | set(second.rows(BOT)) == {raw["Description"] for raw in rows}
        without = sync({**config, "lookback_minutes": 0}, second.states[-1:])
        assert len(without.rows(BOT)) <= 1


def test_what_the_platform_keeps_no_longer_ends_no_sync() -> None:
    rows = even_rows(BOT, NOW - timedelta(days=400), NOW - timedelta(days=1), 400)
    with Emulator({BOT: rows}, Reading(retention_days=100.5)) as emulator:
        synced = sync(emulator.config(page_size=50, **UNLIMITED))
        assert synced.failure is None
        kept = {raw["Description"] for raw in rows if raw["End Date"] > stamp(NOW - timedelta(days=100.4))}
        assert set(synced.rows(BOT)) == kept


def test_a_bot_added_later_is_read_from_the_start_and_one_that_comes_back_goes_on() -> None:
    rows = {bot: [row(n, NOW - timedelta(hours=2 + n)) for n in range(30)] for bot in (BOT, OTHER)}
    with Emulator(rows) as emulator:
        config = emulator.config(start_date=stamp(NOW - timedelta(days=9)), **UNLIMITED)
        one = sync({**config, "bot_ids": [BOT]})
        assert len(one.rows(BOT)) == len(one.records) == 30
        both = sync({**config, "bot_ids": [BOT, OTHER]}, one.states[-1:])
        assert len(both.rows(OTHER)) == len(both.records) == 30
        without = sync({**config, "bot_ids": [OTHER]}, both.states[-1:])
        assert not without.records
        back = sync({**config, "bot_ids": [BOT, OTHER]}, without.states[-1:])
        assert not back.records


@pytest.mark.parametrize("keys", [{}, {"state": {"end_date": "2030-01-01T00:00:00.000Z"}, "lookback_window": 5}])
def test_state_of_other_versions_is_accepted(keys: dict[str, Any]) -> None:
    rows = [row(n, NOW - timedelta(hours=2 + 24 * n)) for n in range(10)]
    reached = stamp(NOW - timedelta(days=5))
    shapes: list[dict[str, Any]] = [
        {"states": [{"partition": {"bot_id": BOT}, "cursor": {"end_date": reached}}], **keys},
        {"end_date": reached},
        {"end_date": reached.replace(reached[-5:], "Z")},
    ]
    with Emulator({BOT: rows}) as emulator:
        config = emulator.config(start_date=stamp(NOW - timedelta(days=20)), **UNLIMITED)
        for shape in shapes:
            descriptor = {"stream_descriptor": {"name": "llm_usage_logs"}, "stream_state": shape}
            synced = sync(config, [{"type": "STREAM", "stream": descriptor}])
            assert synced.failure is None
            assert len(synced.records) == 5


def test_a_row_of_the_future_neither_stalls_the_cursor_nor_is_lost() -> None:
    ahead, far = row(1, NOW + timedelta(seconds=2)), row(2, NOW + timedelta(days=90))
    rows = {BOT: [row(0, NOW - timedelta(hours=3)), ahead, far]}
    settings = {"start_date": stamp(NOW - timedelta(days=2)), "lookback_minutes": 0, **UNLIMITED}
    with Emulator(rows) as emulator:
        first = sync(emulator.config(**settings))
        assert set(first.rows(BOT)) == {"row 0"}
        assert stamp(NOW - timedelta(seconds=70)) <= (first.cursor(BOT) or "") <= stamp(NOW - timedelta(seconds=50))
    with Emulator(rows, now=NOW + timedelta(minutes=5)) as emulator:
        second = sync(emulator.config(**settings), first.states[-1:])
        assert set(second.rows(BOT)) == {"row 1"}
        assert not sync(emulator.config(**settings), second.states[-1:]).rows(BOT)


def test_check_finds_the_form_that_the_server_takes() -> None:
    forms = frozenset({"milliseconds", "seconds"})
    reading = Reading(numbers="int", refused_forms=forms, largest_limit=100, above_limit="refused")
    with Emulator({BOT: []}, reading) as emulator:
        assert run("check", config=emulator.config()).code == 0
        assert emulator.requests[-1].status == 200
        assert len(emulator.requests) <= 8
