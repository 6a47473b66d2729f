"""One pass reads a span page after page, knows whether rows moved meanwhile, and believes no end that was not seen."""

from typing import Any

import pytest

from source_kore_llm_logs.reading import one_pass
from source_kore_llm_logs.reading.fetch import CannotRead
from source_kore_llm_logs.reading.one_pass import MOST_STALE_PAGES, End, Pass
from source_kore_llm_logs.reading.padding import UNVERIFIED
from source_kore_llm_logs.reading.part import Part
from source_kore_llm_logs.reading.request_format import RequestFormat
from unit_tests.simulated_answer import SimulatedError
from unit_tests.simulated_behaviour import HOUR, MILLISECONDS, MINUTE
from unit_tests.simulated_server import Scenario, SimulatedServer
from unit_tests.small_scenario import EVERYBODY, NOON, bodies, bot_of, plain, row, rows, scenario

PART = Part(NOON - HOUR, NOON + HOUR)


def passed(
    told: Scenario, page_size: int | None = None, most_pages: int = 100, is_last_resort: bool = False
) -> tuple[Pass, str, SimulatedServer]:
    """A pass that is over, the rows that it gave, in their order, and the server."""
    bot, server = bot_of(told, page_size)
    one = Pass(bot, PART, EVERYBODY, most_pages, is_last_resort)
    return one, plain(row for page in one for row in page), server


def skips(server: SimulatedServer) -> list[int]:
    return [int(skip) for (skip,) in bodies(server, "skip")]


TEN = "0 1 2 3 4 5 6 7 8 9"


@pytest.mark.parametrize("page_size", [None, 1, 2, 3, 7, 10, 11])
@pytest.mark.parametrize("page_rows", [None, 1, 2, 4])
def test_each_row_comes_once_and_the_end_is_seen(page_size: int | None, page_rows: int | None) -> None:
    one, given, _ = passed(scenario(rows(10), page_rows=page_rows), page_size)
    assert (one.end, given, one.moved, one.received) == (End.SEEN, TEN, False, 10)


def test_pages_advance_by_the_rows_received_and_begin_with_the_last_row_of_the_one_before() -> None:
    _, _, server = passed(scenario(rows(10), page_rows=4))
    assert skips(server) == [0, 3, 6, 9, 10]


def test_no_request_of_a_pass_differs_but_in_skip() -> None:
    _, _, server = passed(scenario(rows(10), page_rows=4))
    assert len(set(bodies(server, "dateFrom", "dateTo", "isDeveloper"))) == 1


# Rows that move


def test_a_row_deleted_behind_the_page_being_read_is_noticed() -> None:
    """Row 1 vanishes when page one was read: row 4 takes its place, and the page behind would begin at row 5."""
    log = [row(number, vanishes=1 if number == 1 else None) for number in range(10)]
    one, given, _ = passed(scenario(log), page_size=4)
    assert one.moved
    assert given == TEN


def test_a_deleted_last_row_is_no_end() -> None:
    log = [row(number, vanishes=1 if number == 3 else None) for number in range(10)]
    one, _, _ = passed(scenario(log), page_size=4)
    assert one.moved


def test_rows_that_come_at_the_front_are_noticed() -> None:
    log = [*rows(10), *(row(number, appears=1) for number in range(20, 23))]
    one, given, _ = passed(scenario(log, descending=True), page_size=4)
    assert one.moved
    assert given == " ".join(reversed(TEN.split()))


def test_a_page_of_which_all_rows_were_deleted_is_no_end() -> None:
    log = [row(number, vanishes=1 if number > 1 else None) for number in range(6)]
    one, _, _ = passed(scenario(log), page_size=6)
    assert one.end is End.CEILING


def test_an_order_that_changes_among_ties_is_noticed() -> None:
    log = [row(number, NOON) for number in range(10)]
    one, _, _ = passed(scenario(log, ties="turned"), page_size=4)
    assert one.moved


def test_rows_that_come_twice_are_noticed_though_the_last_of_the_page_keeps_its_place() -> None:
    """After page one row 1 moves to the end, and another takes its place, which is never seen."""
    moved = [row(1, vanishes=1), row(1, NOON + 9 * MINUTE, appears=1), row(7, NOON + MINUTE + 1, appears=1)]
    one, given, _ = passed(scenario([row(0), *moved, row(2), row(3), row(4)]), page_size=4)
    assert given == "0 1 2 3 4"
    assert one.moved


# Equal rows


def test_more_than_a_page_of_equal_rows_is_read_through() -> None:
    log = [row(0), *(row(1) for _ in range(20)), row(2)]
    one, given, _ = passed(scenario(log), page_size=5)
    assert (one.end, given) == (End.SEEN, "0 1 2")
    assert one.equal.total() == 4
    assert not one.moved


def test_equal_rows_in_one_page_are_no_movement() -> None:
    one, given, _ = passed(scenario([row(0), row(1), row(1), row(2)]))
    assert (one.end, given, one.moved, one.equal.total()) == (End.SEEN, "0 1 2", False, 1)


# Depth


@pytest.mark.parametrize("behaviour", [{"skip_ceiling": 5}, {"depth_ceiling": 8}])
@pytest.mark.parametrize("above_ceiling", ["refused", "empty"])
def test_a_ceiling_is_told_from_the_end(behaviour: dict[str, Any], above_ceiling: str) -> None:
    one, _, _ = passed(scenario(rows(10), above_ceiling=above_ceiling, **behaviour), page_size=4)
    assert one.end is End.CEILING


@pytest.mark.parametrize("above_ceiling", ["refused", "empty"])
def test_near_a_ceiling_of_skip_and_limit_smaller_pages_are_asked_for_at_the_last_resort(above_ceiling: str) -> None:
    """Ten rows, and no request may reach beyond twelve: the last of them are had by smaller pages."""
    told = scenario(rows(10), depth_ceiling=12, above_ceiling=above_ceiling)
    assert passed(told, page_size=8)[0].end is End.CEILING
    one, given, _ = passed(told, page_size=8, is_last_resort=True)
    assert (one.end, given) == (End.SEEN, TEN)


def test_where_two_rows_are_too_large_together_they_come_one_by_one() -> None:
    one, given, _ = passed(scenario(rows(10), too_large_rows=1))
    assert (one.end, given) == (End.SEEN, TEN)


def test_a_page_that_was_too_large_and_then_empty_is_no_end() -> None:
    """Something made it too large: perhaps rows that have moved meanwhile."""
    one, _, server = passed(scenario(rows(3), timeouts=frozenset([1, 2])), page_size=4)
    assert skips(server) == [0, 2, 2, 3]
    assert one.end is End.CEILING


def test_pages_are_bounded() -> None:
    one, given, _ = passed(scenario(rows(10), page_rows=2), most_pages=3)
    assert (one.end, one.pages, given) == (End.TOO_LONG, 3, "0 1 2 3")


@pytest.mark.parametrize("page_rows", [1, 2, 5])
def test_a_skip_that_is_ignored_is_told(page_rows: int) -> None:
    with pytest.raises(CannotRead, match="ignores `skip`"):
        passed(scenario(rows(10), page_rows=page_rows, skip="ignored"))


def test_a_skip_that_is_held_somewhere_is_a_ceiling() -> None:
    one, _, _ = passed(scenario(rows(20), page_rows=3, skip="held", skip_held_at=9))
    assert one.end is End.CEILING


def test_equal_rows_one_a_page_are_no_skip_that_is_ignored() -> None:
    one, given, _ = passed(scenario([row(1) for _ in range(20)], page_rows=1))
    assert (one.end, given) == (End.SEEN, "1")


def test_pages_that_bring_nothing_new_are_bounded() -> None:
    one, given, _ = passed(scenario([row(1) for _ in range(100)], page_rows=1))
    assert (one.end, given, one.pages) == (End.MOVING, "1", MOST_STALE_PAGES + 1)


def test_a_depth_that_fails_while_page_one_comes_is_a_ceiling() -> None:
    told = scenario(rows(10), skip_ceiling=5, above_ceiling="unavailable")
    assert passed(told, page_size=4)[0].end is End.CEILING


def test_a_fault_while_page_one_fails_too_is_raised() -> None:
    with pytest.raises(SimulatedError, match="500"):
        passed(scenario(rows(10), faults=frozenset(range(2, 99))), page_size=4)


# Page one


def test_a_format_that_is_refused_is_changed_before_the_first_row() -> None:
    one, given, _ = passed(scenario(rows(10), refused_forms=frozenset([MILLISECONDS])), page_size=50)
    assert (one.end, given) == (End.SEEN, TEN)
    assert one.asking.form == RequestFormat(dates="day")


def test_dates_that_are_read_as_invalid_lead_to_finer_ones_that_are_not() -> None:
    one, given, _ = passed(scenario(rows(10), invalid_forms=frozenset([MILLISECONDS])))
    assert (one.end, given, one.asking.form.dates) == (End.SEEN, TEN, "seconds")


def test_an_empty_page_one_is_raised_where_its_confirmation_fails() -> None:
    with pytest.raises(SimulatedError):
        passed(scenario([], faults=frozenset([1])))


def test_the_filter_that_changes_between_pages_begins_the_pass_again(monkeypatch: pytest.MonkeyPatch) -> None:
    told = scenario(rows(10), invalid_forms=frozenset())
    bot, _ = bot_of(told, 4)
    one = Pass(bot, PART, EVERYBODY, 100)
    monkeypatch.setattr(one_pass, "are_filters_heeded", lambda bot, asking, rows, skip, limit: skip == 0)
    assert plain(row for page in one for row in page) == "0 1 2 3"
    assert one.end is End.AGAIN


# Span


def test_where_bounds_are_verified_no_page_asks_beyond_now() -> None:
    bot, server = bot_of(scenario([row(1, NOON + 20_000)], now=NOON + HOUR))
    one = Pass(bot, PART, EVERYBODY, 100)
    assert one.asking.span.date_to == PART.after + UNVERIFIED
    list(one)
    assert bot.verify_bounds(one.asking, list(bot.page(one.asking, 0)[0].rows))  # type: ignore[union-attr]
    again = Pass(bot, PART, EVERYBODY, 100)
    assert again.asking.span.date_to == server.clock() < PART.after + 15 * MINUTE


def test_no_pass_of_a_part_asks_beyond_the_moment_at_which_it_was_begun() -> None:
    bot, server = bot_of(scenario([row(1, NOON + 20_000)], now=NOON + HOUR))
    bot.adopt(RequestFormat(until_now=True))
    began = server.clock()
    for _ in range(3):
        one = Pass(bot, PART, EVERYBODY, 100, present=began)
        list(one)
        assert one.asking.span.date_to == began < server.clock()


@pytest.mark.parametrize(("dates", "ago"), [("milliseconds", 0), ("seconds", 12 * HOUR)])
def test_a_time_without_a_zone_is_no_later_than_now_in_the_farthest_west(dates: Any, ago: int) -> None:
    bot, server = bot_of(scenario([], now=NOON + HOUR))
    bot.adopt(RequestFormat(until_now=True, dates=dates))
    assert Pass(bot, PART, EVERYBODY, 100).asking.span.date_to == server.clock() - ago
