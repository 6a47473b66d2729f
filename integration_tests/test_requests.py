"""As few requests as the API allows: rate limits make them the wall clock of a real sync."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from integration_tests.command import read
from integration_tests.kore_emulator import Emulator, Reading
from integration_tests.test_every_row_once import BOT, EXACT, row, stamp, sync, truth
from source_kore_llm_logs.records.record import to_record

NOW = datetime.now(timezone.utc).replace(microsecond=0)
CUT_AND_EXCLUDED = Reading(precision="day", from_inclusive=False, to_inclusive=False)


def even_rows(days: float, a_day: int) -> list[dict[str, Any]]:
    """Rows at even distances, up to two minutes ago."""
    step = timedelta(days=1) / a_day
    return [row(n, NOW - timedelta(minutes=2) - n * step) for n in range(round(days * a_day))]


@pytest.mark.parametrize("order", ["newest", "oldest", "arbitrary"])
@pytest.mark.parametrize("cap", [None, 50])
def test_an_hourly_sync_of_a_busy_bot_reads_hours_and_not_days(order: Any, cap: int | None) -> None:
    rows = even_rows(5, 2400)
    with Emulator({BOT: rows}, Reading(order=order, max_page=cap)) as emulator:
        config = emulator.config(start_date=stamp(NOW - timedelta(minutes=61)), page_size=100, **EXACT)
        ids, _, failed = sync(config)
        assert not failed
        assert set(ids) == {to_record(BOT, raw)["id"] for raw in rows if raw["End Date"] >= config["start_date"]}
        # An hour and the hour before it are 200 rows. A first page or two, the proof, and those rows again.
        assert len(emulator.requests) <= 200 // (cap or 100) + 5
        assert all(
            seen.body["dateFrom"] >= stamp(NOW - timedelta(hours=2, minutes=2)) for seen in emulator.requests[-2:]
        )


def test_where_bounds_are_not_proved_the_same_sync_reads_the_days() -> None:
    rows = even_rows(5, 2400)
    with Emulator({BOT: rows}, CUT_AND_EXCLUDED) as emulator:
        config = emulator.config(start_date=stamp(NOW - timedelta(minutes=61)), page_size=100, **EXACT)
        ids, _, failed = sync(config)
        assert not failed
        assert set(ids) == {to_record(BOT, raw)["id"] for raw in rows if raw["End Date"] >= config["start_date"]}
        assert len({seen.body["dateFrom"] for seen in emulator.requests}) == 2  # the window's, and the proof's


@pytest.mark.parametrize("window_days", [10, 90])
def test_a_dense_backfill_takes_at_most_a_fiftieth_more_pages_than_the_fewest(window_days: int) -> None:
    days, a_day, page = 340, 67, 50
    rows = even_rows(days, a_day)
    with Emulator({BOT: rows}, Reading()) as emulator:
        config = emulator.config(window_days=window_days, page_size=page, **EXACT)
        ids, _, failed = sync(config)
        assert not failed
        assert set(ids) == truth(emulator)
        windows = -(-days // min(window_days, 86))
        # A window ends in the middle of a page; the proof is one request, and the first window was padded.
        fewest = len(rows) / page
        assert len(emulator.requests) <= 1.02 * fewest + windows / 2 + 2


def test_an_idle_sync_is_one_request_a_bot_once_the_page_is_known_and_two_before() -> None:
    ends = [NOW - timedelta(hours=3 + n) for n in range(5)]
    bots = {f"st-{n}": [{**row(i, end), "Bot ID": f"st-{n}"} for i, end in enumerate(ends[n:])] for n in range(5)}
    with Emulator(bots, Reading()) as emulator:
        config = emulator.config(num_workers=1, start_date=stamp(NOW - timedelta(hours=20)), **EXACT)
        first = read(config)
        emulator.clear_requests()
        idle = read(config, first.states)
        assert idle.code == 0
        assert not idle.records
        assert len(emulator.requests) <= len(bots) + 1


def test_a_page_that_is_refused_for_its_size_is_asked_for_in_the_largest_that_passes() -> None:
    rows = even_rows(10, 200)
    for hint in (True, False):
        with Emulator({BOT: rows}, Reading(page_ceiling_refused=500, hint_in_412=hint)) as emulator:
            ids, _, failed = sync(emulator.config(**EXACT))
            assert not failed
            assert set(ids) == truth(emulator)
            assert {int(seen.body["limit"]) for seen in emulator.requests if seen.status == 200 and seen.rows > 10} == {
                500
            }


def test_a_pass_that_begins_again_with_less_padding_still_notices_rows_that_move() -> None:
    bursts = [NOW - timedelta(minutes=5 + 30 * n) for n in range(60)]
    rows = [row(40 * n + i, end) for n, end in enumerate(bursts) for i in range(40)]
    with Emulator({BOT: rows}, Reading(order="unstable_ties", max_page=30)) as emulator:
        config = emulator.config(start_date=stamp(NOW - timedelta(hours=6)), **EXACT)
        ids, _, failed = sync(config)
        assert not failed
        assert set(ids) == {to_record(BOT, raw)["id"] for raw in rows if raw["End Date"] >= config["start_date"]}
        assert set(ids.values()) == {1}


@pytest.mark.parametrize(
    ("reading", "largest"),
    [
        (Reading(), 4000),
        (Reading(page_ceiling_refused=2000), 2000),
        (Reading(page_ceiling_refused=2000, hint_in_412=False, skip_ceiling=3000), 2000),
        (Reading(max_page=1500), 1500),
        (Reading(response_bytes_limit=400_000), 1500),
    ],
)
def test_full_pages_are_followed_by_larger_ones_as_far_as_the_server_gives_them(reading: Reading, largest: int) -> None:
    rows = [row(n, NOW - timedelta(minutes=5 + n)) for n in range(9000)]
    with Emulator({BOT: rows}, reading) as emulator:
        config = emulator.config(start_date=stamp(NOW - timedelta(days=7)), **EXACT)
        ids, _, failed = sync(config)
        assert not failed
        assert set(ids) == truth(emulator)
        assert set(ids.values()) == {1}
        given = [seen.rows for seen in emulator.requests if seen.status == 200]
        assert max(given) >= largest
        assert len([seen for seen in emulator.requests if seen.status in (412, 413)]) <= 8


def test_a_page_size_that_was_configured_is_never_exceeded() -> None:
    rows = [row(n, NOW - timedelta(minutes=5 + n)) for n in range(2000)]
    with Emulator({BOT: rows}, Reading()) as emulator:
        ids, _, failed = sync(emulator.config(page_size=300, **EXACT))
        assert not failed
        assert set(ids) == truth(emulator)
        assert max(int(seen.body["limit"]) for seen in emulator.requests) == 300
