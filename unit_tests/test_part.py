"""Each row belongs to exactly one part."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_kore_llm_logs.reading.part import DAY, HOUR, MINUTE, SECOND, Part
from unit_tests.small_scenario import seen


@pytest.mark.parametrize(
    ("start", "end", "is_own"),
    [
        (9, 10, True),
        (9, 19, True),
        (19, 20, False),
        (10, 20, False),
        (9, 9, False),
        (10, None, True),
        (19, None, True),
        (20, None, False),
        (None, 10, True),
        (None, None, False),
        (None, 9, False),
    ],
)
def test_a_row_belongs_where_its_end_lies_or_its_start_if_it_has_no_end(
    start: int | None, end: int | None, is_own: bool
) -> None:
    assert Part(10, 20).owns(seen(1, start, end)) is is_own


def test_a_row_of_the_epoch_itself_has_a_time() -> None:
    assert Part(-5, 5).owns(seen(1, None, 0))
    assert Part(-5, 5).owns(seen(1, 0, None))


@given(st.integers(-(10**13), 10**13), st.integers(2, 10**10), st.integers(-5, 10**10))
def test_halves_tile_a_part_and_a_row_belongs_to_one_of_them(start: int, length: int, offset: int) -> None:
    whole = Part(start, start + length)
    left, right = whole.halves()
    assert (left.start, left.after, right.after) == (whole.start, right.start, whole.after)
    assert min(left.length, right.length) >= 1
    assert abs(left.length - right.length) <= 1
    one = seen(1, None, start + offset)
    assert left.owns(one) + right.owns(one) == whole.owns(one)


def test_a_part_of_one_millisecond_has_no_halves() -> None:
    with pytest.raises(ValueError, match="one millisecond"):
        Part(7, 8).halves()


def test_units_are_milliseconds() -> None:
    assert (SECOND, MINUTE, HOUR, DAY) == (1_000, 60_000, 3_600_000, 86_400_000)
