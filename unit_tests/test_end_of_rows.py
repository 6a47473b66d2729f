"""An empty page is the end only where this bot has given rows for such a request."""

import pytest

from source_kore_llm_logs.reading.end_of_rows import OrderOfRows, RowsGiven
from source_kore_llm_logs.reading.padding import Span
from source_kore_llm_logs.reading.part import Part
from unit_tests.simulated_behaviour import DATES, DAY, HOUR, MILLISECONDS, MINUTE, SECONDS
from unit_tests.small_scenario import NOON, assert_complete, bodies, row, rows, scenario, seen


def test_what_was_given_is_the_most_of_each_kind() -> None:
    given = RowsGiven()
    given.gave(50, 20, in_future=False)
    given.gave(20, 100, in_future=True)
    given.gave(10, 0, in_future=False)
    assert (given.limit, given.deepest, given.in_future) == (50, 120, True)


def came(*times: int | None) -> OrderOfRows:
    order = OrderOfRows()
    for time in times:
        order.came([seen(1, time, time)])
    return order


LONG = Span(0, 1_000 * HOUR)
PART = Part(10 * HOUR, 990 * HOUR)


@pytest.mark.parametrize(
    ("times", "rows", "hidden"),
    [
        ((0, HOUR, HOUR, 900 * HOUR), 501, Span(900 * HOUR, 1_000 * HOUR)),
        ((0, HOUR, None, 985 * HOUR), 501, None),
        ((0, HOUR, 998 * HOUR), 501, None),
        ((0, HOUR, 998 * HOUR), 550, Span(998 * HOUR, 1_000 * HOUR)),
        ((0, HOUR, 998 * HOUR), 250, Span(998 * HOUR, 1_000 * HOUR)),
        ((0, HOUR, 998 * HOUR), 300, None),
        ((999 * HOUR, 40 * HOUR), 501, Span(0, 40 * HOUR)),
        ((999 * HOUR, 12 * HOUR), 501, None),
        ((0, HOUR, 500 * HOUR), 49, None),
        ((5 * HOUR, HOUR, 500 * HOUR), 1_000, Span(488 * HOUR, 512 * HOUR)),
        ((), 501, None),
    ],
)
def test_many_rows_that_stop_too_early_may_hide_others(
    times: tuple[int | None, ...], rows: int, hidden: Span | None
) -> None:
    assert came(*times).where_hidden(PART, LONG, rows) == hidden


def test_rows_by_their_start_are_in_order_though_their_ends_are_not() -> None:
    order = OrderOfRows()
    order.came([seen(1, 0, 50), seen(2, 10, 20), seen(3, 30, 40)])
    assert order.is_known
    order.came([seen(1, 0, 50)])
    assert not order.is_known


# Against a server


def test_a_limit_above_the_largest_that_is_answered_with_no_row_hides_none() -> None:
    server = assert_complete(scenario(rows(5), largest_limit=60, above_limit="empty"))
    assert bodies(server, "limit")[:2] == [("1000",), ("1",)]


@pytest.mark.parametrize("future_to", ["empty", "refused"])
def test_a_date_to_in_the_future_that_is_answered_with_no_row_hides_none(future_to: str) -> None:
    log = [row(number, NOON + number * HOUR + 20_000) for number in range(11)]
    assert_complete(scenario(log, now=NOON + 12 * HOUR + 5 * MINUTE, future_to=future_to))


@pytest.mark.parametrize("invalid", [MILLISECONDS, SECONDS, DATES])
@pytest.mark.parametrize("days", [0, 5])
def test_dates_of_one_form_that_are_read_as_invalid_hide_no_row(invalid: str, days: int) -> None:
    assert_complete(scenario(rows(5), start=NOON - HOUR - days * DAY, invalid_forms=frozenset([invalid])))


def test_two_forms_may_be_read_as_invalid() -> None:
    assert_complete(scenario(rows(5), invalid_forms=frozenset([MILLISECONDS, SECONDS])))


def test_a_window_without_rows_is_believed_when_it_was_asked_for_as_documented() -> None:
    server = assert_complete(scenario([]))
    asked = bodies(server, "dateFrom", "limit")
    assert asked[0] == ("2024-05-13T20:45:00.000Z", "1000")
    assert (asked[0][0].removesuffix(".000Z"), "1") in asked
    assert ("2024-05-13", "1") in asked


def test_a_short_page_is_no_end() -> None:
    """The server gives 3 rows a page, whatever it is asked for, and 10 in all."""
    server = assert_complete(scenario(rows(10), page_rows=3))
    assert ("9",) in bodies(server, "skip")


def test_the_end_is_the_last_row_again_and_nothing_behind_it() -> None:
    server = assert_complete(scenario(rows(10)))
    read = [skip for limit, skip in bodies(server, "limit", "skip") if limit == "1000"]
    assert read == ["0", "9", "10"]


@pytest.mark.parametrize("above_bytes", ["row", "too large"])
def test_a_page_capped_by_bytes_hides_no_huge_row_behind_its_last(above_bytes: str) -> None:
    """From the last row on, the page holds it alone: the next is too large to come with it. And there is one more."""
    log = [row(0), row(1, size=900), row(2, size=950), row(3)]
    assert_complete(scenario(log, page_bytes=1_000, above_bytes=above_bytes))
