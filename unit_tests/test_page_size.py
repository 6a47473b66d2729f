"""Pages are as large as the server and memory allow, and find their way back after a fault."""

import pytest

from source_kore_llm_logs.reading.page_size import BYTES_A_PAGE, DOCUMENTED, LARGEST, PAGES_BEFORE_A_LARGER, PageSize
from unit_tests.small_scenario import assert_complete, bodies, rows, scenario

SMALL_ROWS = 100


def test_a_thousand_rows_are_asked_for_at_first_or_what_the_configuration_says() -> None:
    assert PageSize().limit == LARGEST == 1_000
    assert PageSize(7).limit == PageSize(7).most == 7
    assert DOCUMENTED == 50


def test_a_short_page_changes_nothing() -> None:
    size = PageSize()
    for _ in range(2 * PAGES_BEFORE_A_LARGER):
        size.gave(1_000, 3, 3 * SMALL_ROWS)
    assert size.limit == 1_000


def test_what_gives_nothing_is_never_asked_for_again() -> None:
    size = PageSize()
    size.nothing_for(1_000, 50)
    assert size.limit == 50
    for _ in range(10 * PAGES_BEFORE_A_LARGER):
        size.gave(size.limit, size.limit, size.limit * SMALL_ROWS)
        assert size.limit < 1_000
    assert size.limit == 999
    size.nothing_for(200, 100)
    for _ in range(10 * PAGES_BEFORE_A_LARGER):
        size.gave(size.limit, size.limit, size.limit * SMALL_ROWS)
        assert size.limit < 200


def test_a_limit_that_gives_nothing_leads_to_one_row_at_least() -> None:
    size = PageSize()
    size.nothing_for(1, 50)
    assert size.limit == 1


def test_a_full_page_is_followed_by_a_larger_one() -> None:
    size = PageSize()
    size.nothing_for(1_000, 50)
    size.gave(50, 50, 50 * SMALL_ROWS)
    assert size.limit == 100
    size.gave(50, 50, 50 * SMALL_ROWS)  # of a thread that had asked before
    assert size.limit == 100


def test_after_twenty_pages_that_are_not_full_a_larger_one_is_tried() -> None:
    size = PageSize()
    size.nothing_for(1_000, 50)
    for _ in range(PAGES_BEFORE_A_LARGER - 1):
        size.gave(50, 10, 10 * SMALL_ROWS)
    assert size.limit == 50
    size.gave(50, 10, 10 * SMALL_ROWS)
    assert size.limit == 100


def test_a_page_that_is_too_large_is_halved_down_to_one_row() -> None:
    size, limits = PageSize(), []
    while size.too_large_for(size.limit):
        limits.append(size.limit)
    assert limits == [500, 250, 125, 62, 31, 15, 7, 3, 1]
    assert size.limit == 1
    assert not size.too_large_for(1)


def test_a_page_that_was_too_large_once_is_tried_again() -> None:
    size = PageSize()
    size.too_large_for(1_000)
    for _ in range(2 * PAGES_BEFORE_A_LARGER):
        size.gave(size.limit, 1, SMALL_ROWS)
    assert size.limit == 1_000


def test_an_older_fault_of_a_larger_page_does_not_make_a_small_one_larger() -> None:
    size = PageSize()
    size.too_large_for(100)
    size.too_large_for(1_000)
    assert size.limit == 50


def test_a_page_holds_a_few_megabytes_at_most() -> None:
    size = PageSize()
    size.gave(1_000, 100, 100 * 100_000)
    assert size.limit == BYTES_A_PAGE // 100_000
    size.gave(size.limit, 1, 2 * BYTES_A_PAGE)
    assert 1 <= size.limit < BYTES_A_PAGE // 100_000


def test_a_row_that_is_larger_than_a_page_is_asked_for_alone() -> None:
    size = PageSize()
    size.gave(1_000, 1, 10 * BYTES_A_PAGE)
    assert size.limit == 1


# Against a server


@pytest.mark.parametrize("above_limit", ["cut", "refused", "empty", "too large"])
@pytest.mark.parametrize("largest", [50, 100, 500])
def test_a_largest_limit_loses_no_row_however_it_is_told(above_limit: str, largest: int) -> None:
    server = assert_complete(scenario(rows(130, 60_000), above_limit=above_limit, largest_limit=largest))
    limits = [int(limit) for (limit,) in bodies(server, "limit")]
    assert limits[0] == 1_000
    assert above_limit == "cut" or sum(limit > largest for limit in limits) <= 8


def test_no_page_is_larger_than_the_configuration_says() -> None:
    server = assert_complete(scenario(rows(20)), page_size=7)
    assert max(int(limit) for (limit,) in bodies(server, "limit")) == 7
