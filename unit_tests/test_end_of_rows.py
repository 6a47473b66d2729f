"""An empty page is the end only where this bot has given rows for such a request."""

import pytest

from source_kore_llm_logs.reading.end_of_rows import RowsGiven
from source_kore_llm_logs.reading.page_size import DOCUMENTED
from unit_tests.simulated_behaviour import DATES, DAY, HOUR, MILLISECONDS, MINUTE, SECONDS
from unit_tests.small_scenario import NOON, assert_complete, bodies, row, rows, scenario


def test_of_a_bot_that_gave_nothing_no_empty_page_is_believed() -> None:
    assert not RowsGiven().proves_empty(1, in_future=False)


def test_an_empty_page_is_believed_for_a_limit_up_to_the_largest_that_gave_rows() -> None:
    given = RowsGiven()
    given.gave(50, 0, in_future=False)
    given.gave(20, 0, in_future=False)
    assert given.proves_empty(50, in_future=False)
    assert not given.proves_empty(51, in_future=False)


def test_dates_in_the_future_are_believed_once_they_gave_rows() -> None:
    given = RowsGiven()
    given.gave(50, 0, in_future=False)
    assert not given.proves_empty(50, in_future=True)
    given.gave(1, 0, in_future=True)
    given.gave(50, 0, in_future=False)
    assert given.proves_empty(50, in_future=True)


# Against a server


def test_a_limit_above_the_largest_that_is_answered_with_no_row_hides_none() -> None:
    server = assert_complete(scenario(rows(5), largest_limit=60, above_limit="empty"))
    assert bodies(server, "limit")[:2] == [("1000",), ("50",)]


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
    assert (asked[0][0], str(DOCUMENTED)) in asked
    assert ("2024-05-13", str(DOCUMENTED)) in asked


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
