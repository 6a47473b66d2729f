"""A part is read whole: each test is a fault that once lost rows, or could, played by a small server."""

import logging
from dataclasses import replace
from typing import Any

import pytest

from source_kore_llm_logs.reading.fetch import CannotRead, Page
from unit_tests.reading_driver import read_all
from unit_tests.simulated_answer import SimulatedError
from unit_tests.simulated_behaviour import DATES, DAY, HOUR, MILLISECONDS, MINUTE, SECOND, SECONDS, Behaviour, LogRow
from unit_tests.simulated_promise import assert_emitted
from unit_tests.simulated_server import Scenario, SimulatedBot
from unit_tests.small_scenario import NOON, NOW, assert_complete, bodies, reading_of, row, rows, scenario

SIDE_BY_SIDE = pytest.mark.parametrize("side_by_side", [1, 4])


def assert_raises(told: Scenario, words: str, **options: Any) -> None:
    """The bot's log is not read to the end, and what was checkpointed is complete."""
    reading, server = reading_of(told, **options)
    assert isinstance(reading.error, CannotRead), reading.error
    assert words in str(reading.error)
    assert_emitted(
        server, "st", reading.emitted, told.start, told.after, told.choice, reading.error, reading.planner.reached
    )


# Rows that move


@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("request_number", range(1, 8))
def test_a_row_deleted_behind_the_page_being_read_takes_no_other_with_it(number: int, request_number: int) -> None:
    log = [row(each, vanishes=request_number if each == number else None) for each in range(8)]
    assert_complete(scenario(log), page_size=3)


@pytest.mark.parametrize("request_number", range(1, 6))
@pytest.mark.parametrize("page_size", [3, 4, 5])
def test_several_rows_deleted_behind_the_page_being_read_take_no_other_with_them(
    request_number: int, page_size: int
) -> None:
    log = [row(each, vanishes=request_number if each < 3 else None) for each in range(14)]
    assert_complete(scenario(log), page_size=page_size)


def test_rows_that_come_at_the_front_while_pages_are_read_bring_each_row_once() -> None:
    log = [*rows(12), *(row(20 + number, appears=2 + number) for number in range(6))]
    assert_complete(scenario(log, descending=True), page_size=3)


@pytest.mark.parametrize("seed", range(40))
def test_an_order_that_changes_among_ties_loses_no_row(seed: int) -> None:
    """Rows of one instant change places at every request: a page shows one twice, and another never."""
    told = replace(scenario([row(number, NOON) for number in range(6)], ties="shuffled"), seed=seed)
    reading, server = reading_of(told, page_size=4)
    assert reading.error is None or isinstance(reading.error, CannotRead)
    assert_emitted(server, "st", reading.emitted, told.start, told.after, error=reading.error, reached=told.start)


@pytest.mark.parametrize(("count", "page_size"), [(4, 4), (5, 4), (8, 10)])
def test_an_order_that_changes_among_ties_is_read_until_all_rows_were_met(count: int, page_size: int) -> None:
    assert_complete(scenario([row(number, NOON) for number in range(count)], ties="shuffled"), page_size=page_size)


@pytest.mark.parametrize("page_size", [1, 2, 5, 50])
def test_more_than_a_page_of_equal_rows_is_one_record_and_hides_no_other(page_size: int) -> None:
    log = [row(0), *(row(1) for _ in range(12)), row(2)]
    assert_complete(scenario(log), page_size=page_size)


def test_equal_rows_that_come_one_a_page_are_told() -> None:
    """They look like a row that came twice because another moved: that the next pass brings them too proves nothing."""
    assert_raises(scenario([row(0), *(row(1) for _ in range(12)), row(2)], page_rows=1), "rows keep moving")


@pytest.mark.parametrize("vanishes", [1, 2])
def test_a_part_of_which_all_rows_were_deleted_is_told_and_not_checkpointed(vanishes: int) -> None:
    """A server that answers with no row for a while looks the same."""
    assert_raises(scenario([row(number, vanishes=vanishes) for number in range(5)]), "rows keep moving", page_size=3)


@pytest.mark.parametrize("vanishes", range(4, 9))
def test_a_question_whose_rows_were_all_deleted_meanwhile_is_no_missing_row(
    vanishes: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The fourth request is a question; what it shows is gone before it is asked again."""
    log = [*rows(3), row(5, channel="msteams", vanishes=vanishes)]
    with caplog.at_level(logging.WARNING, "airbyte"):
        reading, _ = reading_of(scenario(log, no_channel="rtm"))
    assert reading.error is None
    assert {"st/0", "st/1", "st/2"} <= set(reading.emitted)
    assert "reading it in" not in caplog.text


def test_rows_that_never_rest_are_told_and_not_checkpointed() -> None:
    told = scenario(rows(40), live_rows=1, live_total=100_000, live_into="span", descending=True)
    assert_raises(told, "rows keep moving", page_size=10)
    reading, _ = reading_of(told, page_size=10)
    assert reading.error.is_transient  # type: ignore[union-attr]
    assert reading.planner.reached < told.after


# Pages and depth


@pytest.mark.parametrize("page_size", [None, 1])
def test_pages_of_one_row_and_a_skip_that_is_ignored_are_told(page_size: int | None) -> None:
    assert_raises(scenario(rows(5), skip="ignored", page_rows=1), "ignores `skip`", page_size=page_size)


@pytest.mark.parametrize("above_ceiling", ["refused", "empty", "too large"])
@pytest.mark.parametrize("rows_close_together", [20, 55])
def test_a_ceiling_of_skip_and_limit_at_the_last_split_hides_no_row(
    above_ceiling: str, rows_close_together: int
) -> None:
    """So many rows in a minute cannot be split apart: smaller and smaller pages reach them."""
    log = rows(rows_close_together, SECOND)
    assert_complete(scenario(log, depth_ceiling=60, above_ceiling=above_ceiling))


@pytest.mark.parametrize("above_ceiling", ["refused", "empty"])
@pytest.mark.parametrize("field", ["skip_ceiling", "depth_ceiling"])
def test_more_rows_than_a_ceiling_lets_through_are_read_in_halves(above_ceiling: str, field: str) -> None:
    log = rows(300, 3 * HOUR + 7 * SECOND, NOON - 40 * DAY)
    told = scenario(log, start=NOON - 40 * DAY, above_ceiling=above_ceiling, **{field: 100})
    assert_complete(told)


def test_more_rows_than_a_ceiling_lets_through_at_one_instant_are_told() -> None:
    told = scenario([row(number, NOON) for number in range(80)], skip_ceiling=50)
    assert_raises(told, "does not page so deep")


@pytest.mark.parametrize("above_bytes", ["row", "too large"])
@pytest.mark.parametrize("huge", range(4))
def test_a_page_capped_by_bytes_whose_next_row_is_huge_is_not_the_end(above_bytes: str, huge: int) -> None:
    """The last row comes alone, since the next does not fit beside it, and there is one more behind."""
    log = [row(number, size=990 if number == huge else 300) for number in range(5)]
    assert_complete(scenario(log, page_bytes=1_000, above_bytes=above_bytes))


@pytest.mark.parametrize("above_limit", ["empty", "refused", "cut", "too large"])
def test_a_limit_above_the_largest_that_is_answered_with_no_row_is_no_end(above_limit: str) -> None:
    assert_complete(scenario(rows(130), largest_limit=60, above_limit=above_limit))


# Dates and bounds


@pytest.mark.parametrize("future_to", ["empty", "refused"])
@SIDE_BY_SIDE
def test_a_future_date_to_that_is_not_taken_leaves_no_row_unread(future_to: str, side_by_side: int) -> None:
    log = rows(11, HOUR, NOON + 20 * SECOND)
    told = scenario(log, now=NOON + 12 * HOUR + 5 * MINUTE, future_to=future_to)
    assert_complete(told, side_by_side=side_by_side)


def test_where_the_last_hours_may_be_hidden_the_cursor_waits() -> None:
    """Only plain dates are taken, and none that lies ahead: the cursor waits before what they cannot reach."""
    told = scenario(
        rows(10, 9 * HOUR, NOON - 4 * DAY), start=NOON - 4 * DAY, after=NOON, now=NOON + MINUTE, future_to="empty",
        refused_forms=frozenset([MILLISECONDS, SECONDS]), cut=DAY, cut_zone=-60,
    )  # fmt: skip
    reading, server = reading_of(told)
    assert reading.error is None
    assert NOON - 3 * DAY < reading.planner.reached < NOON
    assert_emitted(server, "st", reading.emitted, told.start, told.after, reached=reading.planner.reached)


@pytest.mark.parametrize("invalid", [MILLISECONDS, SECONDS, DATES])
@SIDE_BY_SIDE
def test_dates_of_one_form_read_as_invalid_hide_no_row(invalid: str, side_by_side: int) -> None:
    told = scenario(rows(20, HOUR), after=NOON + DAY, invalid_forms=frozenset([invalid]))
    assert_complete(told, side_by_side=side_by_side)


@pytest.mark.parametrize("cut_zone", range(-12 * 60, 14 * 60 + 1, 120))
@pytest.mark.parametrize("cut_to_up", [False, True])
def test_a_bound_cut_to_a_day_of_another_zone_hides_no_late_entry(cut_zone: int, cut_to_up: bool) -> None:
    """Entries are written two minutes late, across a midnight of the server's zone, which is any full second hour."""
    midnight = NOON + (12 * 60 - cut_zone) * MINUTE % DAY
    log = [
        row(number, midnight + offset, delay=2 * MINUTE)
        for number, offset in enumerate((-40 * SECOND, -MINUTE - 40 * SECOND, -1, 5 * MINUTE, 9 * MINUTE, -7 * HOUR))
    ]
    for filed_under in ("start", "end", "entry"):
        told = scenario(
            log, start=midnight - 8 * HOUR, after=midnight + 10 * MINUTE, cut=DAY, cut_zone=cut_zone,
            cut_to_up=cut_to_up, filed_under=filed_under,
        )  # fmt: skip
        assert_complete(told)


@pytest.mark.parametrize("hours", range(1, 24, 2))
def test_plain_dates_that_are_cut_once_more_in_another_zone_hide_no_row(hours: int) -> None:
    after = NOON + 12 * HOUR
    for at in range(0, 24, 3):
        told = scenario(
            [row(number, after + at * HOUR - (number + 1) * HOUR) for number in range(12)],
            start=after - DAY, after=after + at * HOUR, cut=DAY, cut_zone=-60 * hours,
            refused_forms=frozenset([MILLISECONDS, SECONDS]),
        )  # fmt: skip
        assert_complete(told)


def test_a_window_of_years_is_read_in_requests_of_at_most_90_days() -> None:
    assert_complete(scenario(rows(50, 9 * DAY, NOON - 450 * DAY), start=NOON - 450 * DAY))


def test_rows_at_the_very_edges_of_a_window_belong_to_one_side() -> None:
    log = [row(number, end) for number, end in enumerate([NOON - 1, NOON, NOON + HOUR - 1, NOON + HOUR])]
    first, second = (scenario(log, NOON - HOUR, NOON), scenario(log, NOON, NOON + HOUR))
    assert reading_of(first)[0].emitted == ["st/0"]
    assert reading_of(second)[0].emitted == ["st/1", "st/2"]


@pytest.mark.parametrize("hidden_end", [False, True])
def test_rows_without_an_end_belong_where_they_began(hidden_end: bool) -> None:
    log = [LogRow(f"{n}", NOON + n * MINUTE, None, NOON + (n + 1) * MINUTE) for n in range(3)]
    assert_complete(scenario(log, NOON, NOON + 3 * MINUTE, filed_under="end", hidden_end=hidden_end))


def test_rows_without_any_date_are_emitted_once_in_a_sync() -> None:
    undated = [LogRow(f"u{n}", None, None, NOON + n * HOUR) for n in range(3)]
    reading, _ = reading_of(scenario([*undated, *rows(3)], start=NOON - 200 * DAY))
    assert sorted(reading.emitted) == ["st/0", "st/1", "st/2", "st/u0", "st/u1", "st/u2"]
    assert len(reading.bot.undated) == 3


def test_a_row_dated_ahead_of_now_waits_for_its_day() -> None:
    now = NOON + HOUR
    reading, _ = reading_of(scenario([row(0), row(1, now + 2 * HOUR)], after=now - MINUTE, now=now))
    assert reading.emitted == ["st/0"]
    assert len(reading.bot.ahead) == 1


# Several parts, several bots


def busy(count: int = 900, apart: int = 40 * SECOND) -> list[LogRow]:
    return rows(count, apart, NOON - 10 * HOUR + 20 * SECOND)


@SIDE_BY_SIDE
def test_parts_side_by_side_emit_each_row_once(side_by_side: int) -> None:
    told = scenario(busy(), start=NOON - 11 * HOUR)
    for seed in range(3):
        server = assert_complete(told, side_by_side=side_by_side, page_size=2, seed=seed)
    assert len(set(bodies(server, "dateFrom"))) > 4, "that there were several parts"


def test_of_two_bots_one_that_is_down_changes_nothing_for_the_other() -> None:
    log = tuple(rows(5))
    told = Scenario(
        (SimulatedBot("st-down", Behaviour(down=True), log), SimulatedBot("st-up", log=log)), NOW, NOON, NOON + HOUR
    )
    server = told.server()
    readings = read_all(told, server, side_by_side=2)
    assert isinstance(readings["st-down"].error, SimulatedError)
    assert readings["st-down"].planner.reached == NOON
    assert readings["st-up"].error is None
    assert_emitted(server, "st-up", readings["st-up"].emitted, NOON, NOON + HOUR)
    alone = assert_complete(scenario(log, start=NOON, after=NOON + HOUR))
    assert len(server.requests_of("st-up")) == len(alone.requests)


def test_a_fault_in_the_middle_is_raised_and_nothing_behind_it_is_reached() -> None:
    told = scenario(busy(), start=NOON - 11 * HOUR, faults=frozenset(range(60, 9_999)))
    reading, server = reading_of(told, page_size=2)
    assert isinstance(reading.error, SimulatedError)
    assert reading.planner.reached < told.after
    assert_emitted(
        server, "st", reading.emitted, told.start, told.after, error=reading.error, reached=reading.planner.reached
    )


def test_a_question_that_fails_is_told_and_does_not_fail_the_bot(caplog: pytest.LogCaptureFixture) -> None:
    told = scenario(rows(3), faults=frozenset([2, 4]))
    with caplog.at_level(logging.INFO, "airbyte"):
        reading, _ = reading_of(told)
    assert reading.error is None
    assert len(reading.emitted) == 3
    assert "whether the API leaves rows out was not answered" in caplog.text


def test_questions_that_fail_are_asked_again_before_the_part_is_settled() -> None:
    """The third request asks for users' rows."""
    log = [*rows(3), row(5, channel="msteams")]
    reading, _ = reading_of(scenario(log, no_channel="rtm", faults=frozenset([2])))
    assert reading.error is None
    assert sorted(reading.emitted) == ["st/0", "st/1", "st/2", "st/5"]


def test_a_sparse_year_takes_few_requests() -> None:
    server = assert_complete(scenario(rows(10, 30 * DAY, NOON - 365 * DAY), start=NOON - 365 * DAY))
    assert len(server.requests) < 60


def test_an_hour_takes_few_requests() -> None:
    """A page, its end, and what is asked to be sure of it."""
    server = assert_complete(scenario(rows(30, channel="msteams"), start=NOON, after=NOON + HOUR))
    assert all(isinstance(request.answer, Page) for request in server.requests)
    assert len(server.requests) <= 6
