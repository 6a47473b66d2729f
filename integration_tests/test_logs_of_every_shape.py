"""Rows that are alike, odd, late, gone or ahead of the clock, and state of other syncs: each row once all the same."""

import time
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


@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, 40, 100])
@pytest.mark.parametrize("cap", [None, 20, 7])
def test_paging_ends_at_the_last_row_at_every_count(count: int, cap: int | None) -> None:
    rows = [row(n, START + timedelta(hours=1 + n)) for n in range(count)]
    with Emulator({BOT: rows}, Reading(largest_limit=cap)) as emulator:
        assert_whole(emulator, sync(closed(emulator, page_size=20)))


@pytest.mark.parametrize("order", ["newest", "unstable_ties"])
@pytest.mark.parametrize("count", [30, 130])
def test_rows_on_one_millisecond_are_rows_of_their_own(count: int, order: Any) -> None:
    rows = [row(n, START + timedelta(days=5)) for n in range(count)]
    with Emulator({BOT: rows}, Reading(order=order, largest_limit=50)) as emulator:
        assert_whole(emulator, sync(closed(emulator)))


@pytest.mark.parametrize(("count", "must_end_well"), [(30, True), (70, True), (260, False)])
def test_rows_equal_in_every_column_are_one_record_and_hide_no_other(count: int, must_end_well: bool) -> None:
    rows = [row(n, START + timedelta(hours=1 + n)) for n in range(120)]
    rows += [row(999, START + timedelta(hours=30, minutes=30)) for _ in range(count)]
    with Emulator({BOT: rows}, Reading(largest_limit=50)) as emulator:
        synced = sync(closed(emulator, page_size=50))
        assert synced.failure is None or not must_end_well
        if synced.failure is None:
            assert synced.rows(BOT) == {raw["Description"]: 1 for raw in rows}
        else:
            assert BOT in synced.failure
            assert set(synced.rows(BOT).values()) <= {1}
            cursor = synced.cursor(BOT) or ""
            assert {raw["Description"] for raw in rows if raw["End Date"] <= cursor} <= set(synced.rows(BOT))


@pytest.mark.parametrize("mode", ["refuse", "empty"])
def test_more_rows_on_one_millisecond_than_can_be_reached_fail_loudly(mode: Any) -> None:
    rows = [row(n, START + timedelta(days=5)) for n in range(300)]
    reading = Reading(skip_ceiling=120, skip_ceiling_mode=mode, largest_limit=50)
    with Emulator({BOT: rows}, reading) as emulator:
        synced = sync(closed(emulator))
        assert synced.failure is not None
        assert BOT in synced.failure
        assert (synced.cursor(BOT) or "") < rows[0]["End Date"]


def test_a_server_that_breaks_beyond_a_ceiling_of_skip_loses_nothing() -> None:
    rows = [row(n, START + timedelta(minutes=20 * n)) for n in range(1, 5200)]
    with Emulator({BOT: rows}, Reading(skip_ceiling=1000, skip_ceiling_mode="error")) as emulator:
        assert_whole(emulator, sync(closed(emulator, days=80, page_size=200)))


@pytest.mark.parametrize("sent", ["2024-01-05T00:00:00Z", "2024-01-05T00:00:00.000+00:00", 1704412800000, "", "soon"])
def test_rows_with_odd_dates_are_never_dropped(sent: Any) -> None:
    odd = {**row(1, START + timedelta(days=35)), "End Date": sent}
    gone = {"Description": "no dates at all"}
    with Emulator({BOT: [odd, gone, row(2, START + timedelta(days=3))]}) as emulator:
        assert_whole(emulator, sync(closed(emulator, days=200)))


@pytest.mark.parametrize("filter_by", ["end", "start", "entry"])
def test_rows_that_appear_minutes_after_their_end_are_found_by_the_lookback(filter_by: Any) -> None:
    rows = even_rows(BOT, NOW - timedelta(minutes=50), NOW - timedelta(minutes=2), 200)
    with Emulator({BOT: rows}, Reading(lag_seconds=1500, filed_under=filter_by)) as emulator:
        config = emulator.config(start_date=stamp(NOW - timedelta(days=2)), page_size=50, **UNLIMITED)
        first = sync(config)
        assert first.failure is None
        assert 0 < len(first.rows(BOT)) < 200
        emulator.reading = Reading(filed_under=filter_by)
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


def test_a_row_of_the_future_neither_stalls_the_cursor_nor_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = NOW.timestamp()
    monkeypatch.setattr(time, "time", lambda: clock)
    ahead, far = row(1, NOW + timedelta(seconds=2)), row(2, NOW + timedelta(days=300))
    with Emulator({BOT: [row(0, NOW - timedelta(hours=3)), ahead, far]}) as emulator:
        config = emulator.config(start_date=stamp(NOW - timedelta(days=2)), lookback_minutes=0, **UNLIMITED)
        first = sync(config)
        assert set(first.rows(BOT)) == {"row 0"}
        assert first.cursor(BOT) == stamp(NOW - timedelta(seconds=60))
        clock += 61
        assert not sync(config, first.states[-1:]).rows(BOT)
        clock += 1
        assert set(sync(config, first.states[-1:]).rows(BOT)) == {"row 1"}


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


def test_ten_idle_syncs_emit_nothing() -> None:
    rows = [row(n, NOW - timedelta(hours=2 + n)) for n in range(50)]
    with Emulator({BOT: rows}) as emulator:
        config = emulator.config(start_date=stamp(NOW - timedelta(days=9)), **UNLIMITED)
        synced = sync(config)
        assert_whole(emulator, synced)
        for _ in range(10):
            synced = sync(config, synced.states[-1:])
            assert synced.failure is None
            assert not synced.records


@pytest.mark.parametrize("where", ["front", "back", "middle"])
def test_a_row_that_slips_in_while_the_last_days_are_paged_is_emitted_by_this_sync_or_the_next(where: Any) -> None:
    rows = [row(n, NOW - timedelta(minutes=10 + 3 * n)) for n in range(400)]
    with Emulator({BOT: rows}, Reading(insert_while_paging=where, insert_rows=5, largest_limit=50)) as emulator:
        config = emulator.config(start_date=stamp(NOW - timedelta(days=3)), lookback_minutes=2880, **UNLIMITED)
        first = sync(config)
        assert first.failure is None
        assert set(first.ids.values()) == {1}
        emulator.reading = Reading()
        second = sync(config, first.states[-1:])
        reach = (stamp(NOW - timedelta(days=2, hours=23)), stamp(NOW - timedelta(seconds=61)))
        in_reach = [raw for raw in emulator.rows(BOT) if reach[0] <= raw["End Date"] <= reach[1]]
        assert len(in_reach) > 400 or where != "middle"
        assert len(set(first.ids) | set(second.ids)) >= len(in_reach)


@pytest.mark.parametrize("hint", [True, False])
@pytest.mark.parametrize("form", [{"limit_type": "integer"}, {"date_form": "date", "page_ceiling_refused": 100}])
def test_a_form_that_was_refused_is_not_asked_again(form: dict[str, Any], hint: bool) -> None:
    rows = [row(n, NOW - timedelta(minutes=5 + 350 * n)) for n in range(300)]
    with Emulator({BOT: rows}, Reading(hint_in_412=hint, **form)) as emulator:
        assert_whole(emulator, sync(emulator.config(start_date=stamp(NOW - timedelta(days=80)), **UNLIMITED)))
        refused = [str(seen.body) for seen in emulator.requests if seen.status == 412]
        assert len(refused) == len(set(refused))
        assert len(refused) <= len(form) or not hint


def test_check_finds_the_form_that_the_server_takes() -> None:
    reading = Reading(numbers="int", date_form="date", page_ceiling_refused=100)
    with Emulator({BOT: []}, reading) as emulator:
        assert run("check", config=emulator.config()).code == 0
        last = emulator.requests[-1]
        assert (last.status, last.body["limit"]) == (200, 1)
        assert len(emulator.requests) <= 8
