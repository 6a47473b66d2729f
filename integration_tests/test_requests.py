"""As few requests as the API allows, over HTTP: rate limits make them the wall clock of a real sync.

The figures of other kinds of logs are promised in `unit_tests/test_reading_requests.py`.
"""

from datetime import timedelta
from typing import Any

import pytest

from integration_tests.in_process import UNLIMITED, Synced, assert_no_request_spans_more_than_90_days, sync
from integration_tests.kore_emulator import NOW, Emulator, Reading, even_rows

BOT = "st-alpha"
LAST = NOW - timedelta(minutes=2)


def whole(emulator: Emulator, config: dict[str, Any]) -> Synced:
    """A sync that gives every row of the log once, asks for no more than 90 days, and for no page above 1,000 rows."""
    synced = sync(config)
    assert synced.failure is None
    assert synced.rows(BOT) == {raw["Description"]: 1 for raw in emulator.rows(BOT)}
    assert_no_request_spans_more_than_90_days(emulator.requests)
    assert max(int(seen.body["limit"]) for seen in emulator.requests) <= 1000
    return synced


def test_an_hourly_sync_asks_at_most_16_times_and_receives_at_most_400_rows() -> None:
    days = 20
    with Emulator({BOT: even_rows(BOT, LAST - timedelta(days=days), LAST, 42 * 24 * days)}) as emulator:
        config = emulator.config(start_date=f"{NOW - timedelta(minutes=61):%Y-%m-%dT%H:%M:%SZ}", **UNLIMITED)
        first = sync(config)
        assert (first.failure, len(first.records)) == (None, 42)
        assert len(emulator.requests) <= 16
        assert sum(seen.rows for seen in emulator.requests) <= 400
        emulator.clear_requests()
        idle = sync(config, first.states[-1:])
        assert idle.failure is None
        assert len(emulator.requests) <= 16


def test_the_first_state_of_a_dense_log_comes_within_110_requests() -> None:
    with Emulator({BOT: even_rows(BOT, LAST - timedelta(days=80), LAST, 15_000)}) as emulator:
        synced = whole(emulator, emulator.config(page_size=100, **UNLIMITED))
        assert synced.records_before_first_state is not None
        assert synced.records_before_first_state <= 110 * 100


@pytest.mark.parametrize("hints", [True, False])
def test_a_page_that_is_refused_for_its_size_is_followed_by_the_largest_that_passes(hints: bool) -> None:
    rows = even_rows(BOT, LAST - timedelta(days=10), LAST, 2000)
    with Emulator({BOT: rows}, Reading(largest_limit=500, above_limit="refused", hints=hints)) as emulator:
        whole(emulator, emulator.config(**UNLIMITED))
        assert max(seen.rows for seen in emulator.requests) == 500
        assert sum(seen.status == 412 for seen in emulator.requests) <= 4


def test_a_page_size_that_was_configured_is_never_exceeded() -> None:
    with Emulator({BOT: even_rows(BOT, LAST - timedelta(days=2), LAST, 2000)}) as emulator:
        whole(emulator, emulator.config(page_size=300, **UNLIMITED))
        assert max(int(seen.body["limit"]) for seen in emulator.requests) == 300
