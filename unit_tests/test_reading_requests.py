"""How much is asked for, and how many rows are received: the vendor permits 1,800 requests an hour."""

from functools import cache
from typing import Any

import pytest

from integration_tests.kore_emulator.behaviour import DAY, HOUR, MINUTE, SECOND, Behaviour, LogRow, parse
from unit_tests.simulated.driver import Played, assert_read, play
from unit_tests.simulated.scenario import Scenario

NOW = (parse("2026-03-11T10:17:23.456Z") or (0,))[0]
AFTER = NOW - MINUTE


@cache
def rows(count: int, span: int, until: int = AFTER) -> tuple[LogRow, ...]:
    """So many calls of a second at even distances, the last of them at `until`."""
    ends = [until - number * span // count for number in range(count)]
    return tuple(LogRow(str(number), end - SECOND, end) for number, end in enumerate(ends))


def read(log: tuple[LogRow, ...], span: int, page_size: int | None = None, **does: Any) -> Played:
    """A sync of the last `span` milliseconds, which keeps all promises."""
    told = Scenario(Behaviour(**does), log, NOW, AFTER - span, AFTER, page_size=page_size)
    played = assert_read(told)
    assert played.error is None
    return played


@pytest.mark.parametrize("does", [{}, {"largest_limit": 50}, {"developer": "selects"}])
def test_an_hourly_sync_of_a_quiet_bot_asks_at_most_19_times_and_receives_at_most_400_rows(
    does: dict[str, Any],
) -> None:
    played = read(rows(42 * 24 * 20, 20 * DAY), 2 * HOUR, **does)
    assert len(played.server.requests) <= (19 if "developer" in does else 16)
    assert played.rows_received <= 400


NO_ZONE = {"refused_forms": frozenset({"milliseconds"}), "zone_reads": frozenset({"seconds", "day"})}


@pytest.mark.parametrize(
    ("does", "most"),
    [
        ({}, 140),
        ({"cut": SECOND}, 140),
        ({"cut": MINUTE, "from_inclusive": False, "to_inclusive": False}, 140),
        (NO_ZONE, 200),
        ({"future_to": "refused", "descending": True}, 140),
        ({"lag_seconds": 45.0, "descending": True}, 140),
        ({**NO_ZONE, "lag_seconds": 45.0, "descending": True}, 200),
        ({**NO_ZONE, "zone": "Asia/Kolkata"}, 200),
        ({**NO_ZONE, "zone": "Pacific/Honolulu", "descending": True}, 200),
    ],
    ids=["milliseconds", "seconds", "minutes, excluded", "no zone, UTC", "no future", "rows come late",
         "rows come late, no zone", "no zone, +5:30", "no zone, -10"],
)  # fmt: skip
def test_an_hourly_sync_of_a_busy_bot_asks_for_its_hour_and_little_more(does: dict[str, Any], most: int) -> None:
    """Rows go on coming while it reads."""
    log = rows(100_000, 2 * DAY, NOW + HOUR)
    assert len(read(log, HOUR, largest_limit=50, **does).server.requests) <= most


@pytest.mark.parametrize(
    ("log", "span"),
    [((), HOUR), ((), 80 * DAY), (rows(300, 80 * DAY), HOUR), (rows(300, 80 * DAY, AFTER - 4 * HOUR), 80 * DAY)],
    ids=["no rows, an hour", "no rows, 80 days", "sparse, an hour", "sparse, 80 days"],
)
def test_an_idle_or_sparse_bot_is_asked_at_most_16_times(log: tuple[LogRow, ...], span: int) -> None:
    assert len(read(log, span).server.requests) <= 16


def test_a_dense_log_takes_at_most_a_tenth_more_requests_than_pages_and_its_first_checkpoint_comes_early() -> None:
    count, page = 60_000, 100
    played = read(rows(count, 80 * DAY), 80 * DAY + HOUR, page_size=page)
    assert len(played.server.requests) <= 1.1 * count / page
    assert played.requests_to_first_checkpoint <= 110


def test_the_first_sync_of_a_bot_so_busy_that_a_part_lasts_an_hour_takes_at_most_twice_as_many_as_pages() -> None:
    count, page, span = 20_000, 20, 6 * HOUR
    assert len(read(rows(count, span), span, largest_limit=page).server.requests) <= 2 * count / page


def test_a_server_ahead_of_utc_is_proved_though_nobody_calls_at_night() -> None:
    """500 calls an hour from 8:00 to 18:00 in UTC; at +5:30, times without a zone mean an hour of the night."""
    now = NOW + 7 * HOUR
    calls = (now - number * HOUR // 500 for number in range(20 * 24 * 500))
    log = tuple(LogRow(str(at), at - SECOND, at) for at in calls if 8 <= at % DAY // HOUR < 18)
    told = Scenario(Behaviour(**NO_ZONE, zone="Asia/Kolkata", descending=True, largest_limit=50), log, now,
                    now - 2 * HOUR, now - MINUTE)  # type: ignore[arg-type]  # fmt: skip
    assert len(assert_read(told).server.requests) <= 80


def test_rows_that_come_first_while_days_are_read_do_not_make_it_read_them_again() -> None:
    """100 rows an hour, of bounds the day alone is read, and each row that comes moves all others."""
    log = rows(100 * 24 * 20, 20 * DAY, NOW + HOUR)
    does = {"cut": DAY, "cut_to_up": True, "lag_seconds": 45.0, "largest_limit": 50, "descending": True}
    assert len(read(log, 2 * HOUR, **does).server.requests) <= 200


@pytest.mark.parametrize("descending", [True, False])
def test_rows_that_are_deleted_as_fast_as_requests_are_sent_are_not_asked_for_until_all_are_gone(
    descending: bool,
) -> None:
    played = read(rows(2_000, 60 * DAY), 70 * DAY, largest_limit=50, deletes=1, deletes_in_all=2_000,
                  descending=descending)  # fmt: skip
    assert len(played.server.requests) <= 300


def test_the_first_sync_of_a_bot_with_two_scopes_asks_for_the_pages_of_one_and_checkpoints_early() -> None:
    count, page = 20_000, 100
    played = read(rows(count, 80 * DAY), 80 * DAY, page_size=page, developer="selects")
    assert len(played.server.requests) <= 1.3 * count / page
    assert played.requests_to_first_checkpoint <= 110


@pytest.mark.parametrize("does", [{}, {"ties": "shuffled", "order": "day"}, {"varying_pages": True}])
def test_the_same_server_sees_the_same_requests_at_each_sync(does: dict[str, Any]) -> None:
    told = Scenario(Behaviour(**does), rows(400, 3 * DAY), NOW, AFTER - DAY, AFTER, page_size=50)
    one, other = ([request.body for request in play(told).server.requests] for _ in range(2))
    assert one == other
