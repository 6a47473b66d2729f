"""As few requests as the API allows, and none that goes deep: rate limits make them the wall clock of a real sync."""

from bisect import bisect_right
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from integration_tests.in_process import UNLIMITED, Synced, assert_no_request_spans_more_than_90_days, sync
from integration_tests.kore_emulator import NOW, Emulator, Reading, even_rows

BOT = "st-alpha"
LAST = NOW - timedelta(minutes=2)
DEEPEST_SKIP = 12_000
QUARTER_HOUR_OF_REQUESTS = 450
"""How many requests the documented limit of 1,800 an hour permits in 15 minutes."""


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def whole(emulator: Emulator, config: dict[str, Any]) -> Synced:
    """A sync that gives every row of the log once, asks for no more than 90 days, and for no page above 1,000 rows."""
    synced = sync(config)
    assert synced.failure is None
    assert synced.rows(BOT) == {raw["Description"]: 1 for raw in emulator.rows(BOT)}
    assert_no_request_spans_more_than_90_days(emulator.requests)
    assert max(int(seen.body["limit"]) for seen in emulator.requests) <= 1000
    return synced


def parts(synced: Synced) -> int:
    """How many checkpoints a bot's log was read in."""
    cursors = {one["cursor"]["end_date"] for state in synced.states for one in states_of(state)}
    return max(1, len(cursors))


def states_of(state: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = state["stream"]["stream_state"].get("states", [])
    return found


def records_behind(synced: Synced) -> int:
    """The most rows of a bot that one checkpoint covers beyond the checkpoint before it."""
    ends = sorted(record["end_date"] for record in synced.records)
    cursors = {one["cursor"]["end_date"] for state in synced.states for one in states_of(state)}
    reached = [0, *(bisect_right(ends, cursor) for cursor in sorted(cursors)), len(ends)]
    return max(after - before for before, after in pairwise(reached))


def deepest_skip(emulator: Emulator) -> int:
    return max(int(seen.body.get("skip", 0)) for seen in emulator.requests)


@pytest.mark.parametrize("page_size", [100, 1000])
def test_a_sparse_log_takes_at_most_six_requests_and_an_idle_sync_five(page_size: int) -> None:
    rows = even_rows(BOT, NOW - timedelta(days=80), NOW - timedelta(hours=4), 300)
    with Emulator({BOT: rows}) as emulator:
        pages = -(-300 // page_size) - 1
        config = emulator.config(page_size=page_size, **UNLIMITED)
        first = whole(emulator, config)
        # Each page begins with the last row of the one before: with small pages, one more is begun.
        assert len(emulator.requests) <= 6 + pages + (pages > 0)
        emulator.clear_requests()
        idle = sync(config, first.states[-1:])
        assert idle.failure is None
        assert not idle.records
        assert len(emulator.requests) <= 5


def test_idle_syncs_of_many_bots_take_at_most_five_requests_each() -> None:
    bots = [f"st-{n}" for n in range(5)]
    logs = {bot: even_rows(bot, NOW - timedelta(hours=20), NOW - timedelta(hours=3), 5 + n)
            for n, bot in enumerate(bots)}  # fmt: skip
    with Emulator(logs) as emulator:
        config = emulator.config(**UNLIMITED)
        state = sync(config).states[-1:]
        for _ in range(3):
            emulator.clear_requests()
            idle = sync(config, state)
            assert idle.failure is None
            assert not idle.records
            asked = [seen.bot_id for seen in emulator.requests]
            assert max(asked.count(bot) for bot in bots) <= 5


@pytest.mark.parametrize(
    ("days", "count", "page_size", "times"),
    [(80, 60_000, 100, 1.05), (240, 16_000, 50, 1.08), (0.5, 50_000, 50, 1.5)],
    ids=["60,000 rows in 80 days", "67 a day for 240 days", "100,000 a day"],
)
def test_a_dense_log_takes_few_more_requests_than_pages_none_goes_deep_and_checkpoints_come_early(
    days: float, count: int, page_size: int, times: float
) -> None:
    with Emulator({BOT: even_rows(BOT, LAST - timedelta(days=days), LAST, count)}) as emulator:
        synced = whole(emulator, emulator.config(page_size=page_size, **UNLIMITED))
        fewest = count / page_size
        assert len(emulator.requests) <= max(times * fewest, fewest + 3 * parts(synced))
        assert deepest_skip(emulator) < DEEPEST_SKIP
        assert synced.records_before_first_state is not None
        assert synced.records_before_first_state <= QUARTER_HOUR_OF_REQUESTS * page_size
        assert records_behind(synced) <= QUARTER_HOUR_OF_REQUESTS * page_size


def test_a_log_that_is_empty_then_dense_then_sparse_takes_at_most_a_third_more_requests_than_pages() -> None:
    burst = LAST - timedelta(days=15)
    rows = even_rows(BOT, burst - timedelta(days=2), burst, 20_000)
    trickle = even_rows(BOT, burst, LAST, 100)
    rows += [{**raw, "Description": f"late {raw['Description']}"} for raw in trickle]
    with Emulator({BOT: rows}) as emulator:
        config = emulator.config(start_date=stamp(burst - timedelta(days=62)), page_size=100, **UNLIMITED)
        whole(emulator, config)
        assert len(emulator.requests) <= 1.3 * len(rows) / 100
        assert deepest_skip(emulator) < DEEPEST_SKIP


@pytest.mark.parametrize("order", ["newest", "oldest", "arbitrary"])
@pytest.mark.parametrize("cap", [None, 50])
def test_an_hourly_sync_of_a_busy_bot_reads_hours_and_not_days(order: Any, cap: int | None) -> None:
    rows = even_rows(BOT, LAST - timedelta(days=5), LAST, 12_000)
    with Emulator({BOT: rows}, Reading(order=order, largest_limit=cap)) as emulator:
        config = emulator.config(start_date=stamp(NOW - timedelta(minutes=61)), page_size=100, **UNLIMITED)
        synced = sync(config)
        assert synced.failure is None
        wanted = {raw["Description"] for raw in rows if raw["End Date"] >= config["start_date"]}
        assert set(synced.rows(BOT)) == wanted
        # An hour and the hour before it are 200 rows, and five days of them 12,000.
        assert len(emulator.requests) <= 200 // (cap or 100) + 9
        assert sum(seen.rows for seen in emulator.requests) <= 1000


@pytest.mark.parametrize("hint", [True, False])
def test_a_page_that_is_refused_for_its_size_is_followed_by_the_largest_that_passes(hint: bool) -> None:
    rows = even_rows(BOT, LAST - timedelta(days=10), LAST, 2000)
    with Emulator({BOT: rows}, Reading(page_ceiling_refused=500, hint_in_412=hint)) as emulator:
        whole(emulator, emulator.config(**UNLIMITED))
        assert max(seen.rows for seen in emulator.requests) == 500
        assert sum(seen.status == 412 for seen in emulator.requests) <= 4


def test_a_page_size_that_was_configured_is_never_exceeded() -> None:
    rows = even_rows(BOT, LAST - timedelta(days=2), LAST, 2000)
    with Emulator({BOT: rows}) as emulator:
        whole(emulator, emulator.config(page_size=300, **UNLIMITED))
        assert max(int(seen.body["limit"]) for seen in emulator.requests) == 300
