"""Parts tile a bot's window exactly, and hold about as many pages as a part is to hold."""

from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_kore_llm_logs.reading.fetch import Row
from source_kore_llm_logs.reading.padding import LONGEST_PART, UNVERIFIED, VERIFIED
from source_kore_llm_logs.reading.part import DAY, HOUR, MINUTE, SECOND, Part
from source_kore_llm_logs.reading.planner import (
    PAGES_A_PART,
    SHORTEST_CUT,
    SIDE_BY_SIDE,
    SMALLEST_REST,
    Planned,
    Planner,
    density_of,
)
from unit_tests.small_scenario import NOON, seen

PAGE = 100


def every(apart: int, start: int, after: int, count: int = 400) -> list[Row]:
    """The first rows of a log with one row at such a distance."""
    return [seen(number, None, time) for number, time in enumerate(range(start, after, apart)) if number < count]


def taken(planner: Planner) -> Planned:
    planned = planner.take()
    assert planned is not None
    return planned


def play(planner: Planner, apart: int, beginning: int | None = None) -> list[Part]:
    """Reads the window of a log whose rows are so far apart (from `beginning` on), as the reader does; all parts."""
    planner.padding, parts = VERIFIED, []
    while (planned := planner.take()) is not None:
        part = planned.part
        for _ in range(100):
            log_start = max(part.start, beginning or part.start)
            rows = max(0, (part.after - log_start) // apart)
            if planned.part != part or rows <= 8 * PAGE or planned.pages > PAGES_A_PART / 4:
                break
            known = every(apart, log_start, part.after)
            if planner.is_to_be_measured(planned, part.length, 8, known, PAGE) and rows > planner.question(PAGE):
                planned = planner.cut(part, known)
                part = planned.part
            else:
                planner.measured(part, known)
                break
        log_start = max(part.start, beginning or part.start)
        rows = max(0, (part.after - log_start) // apart)
        parts.append(part)
        planner.is_read(part, rows, PAGE, part.after - log_start if rows else 0)
    return parts


def assert_tile(parts: Sequence[Part], window: Part) -> None:
    in_order = sorted(parts, key=lambda part: part.start)
    assert in_order[0].start == window.start
    assert in_order[-1].after == window.after
    for one, following in pairwise(in_order):
        assert one.start < one.after == following.start


def test_a_window_whose_density_is_not_known_begins_with_the_longest_part() -> None:
    planner = Planner(Part(NOON, NOON + 200 * DAY))
    assert taken(planner) == Planned(Part(NOON, NOON + LONGEST_PART), 0.0)
    assert planner.take() is None, "the next depends on what this one shows"


def test_no_part_is_longer_than_the_configuration_says_nor_than_a_request_allows() -> None:
    assert taken(Planner(Part(NOON, NOON + 200 * DAY), 7 * DAY)).part.length == 7 * DAY
    assert taken(Planner(Part(NOON, NOON + 200 * DAY), 90 * DAY)).part.length == LONGEST_PART


def test_a_window_without_rows_is_read_in_the_longest_parts() -> None:
    window = Part(NOON, NOON + 200 * DAY)
    parts = play(Planner(window), apart=1000 * DAY)
    assert_tile(parts, window)
    assert [part.length // DAY for part in parts] == [84, 84, 32]


@pytest.mark.parametrize("apart", [SECOND, 10 * SECOND, MINUTE])
def test_parts_of_an_even_log_hold_about_a_hundred_pages(apart: int) -> None:
    window = Part(NOON, NOON + 60 * DAY)
    parts = play(Planner(window), apart)
    assert_tile(parts, window)
    pages = [part.length / apart / PAGE for part in parts]
    assert max(pages) <= 1.3 * PAGES_A_PART
    assert min(pages[:-1], default=pages[0]) >= 0.6 * PAGES_A_PART or len(parts) == 1


def test_a_burst_is_met_with_shorter_parts_and_followed_by_longer_ones() -> None:
    planner = Planner(Part(NOON, NOON + 80 * DAY))
    planner.padding = VERIFIED
    first = taken(planner)
    shorter = planner.cut(first.part, every(SECOND, NOON, NOON + DAY))
    assert shorter.part.start == NOON
    assert shorter.part.length == first.part.length // SHORTEST_CUT
    planner.question(PAGE)
    again = planner.cut(shorter.part, every(SECOND, NOON, NOON + DAY))
    assert again.part.length < 4 * HOUR
    planner.is_read(again.part, again.part.length // SECOND, PAGE)
    assert taken(planner).part.length == pytest.approx(again.part.length, rel=0.2)
    (under_way,) = planner._under_way
    planner.is_read(under_way, 40, PAGE)
    assert taken(planner).part.length > 10 * again.part.length


def test_an_empty_beginning_is_not_cut_to_pieces() -> None:
    """Eighty days with no row, then one a second."""
    window = Part(NOON, NOON + 84 * DAY)
    parts = play(Planner(window), SECOND, beginning=NOON + 80 * DAY)
    assert_tile(parts, window)
    assert len(parts) <= 4 * DAY // SECOND / PAGE / PAGES_A_PART + 14


def test_parts_side_by_side_end_one_after_the_other() -> None:
    """A quarter, a half, three quarters and a whole: each is checkpointed while the next is under way."""
    planner = Planner(Part(NOON, NOON + 80 * DAY))
    planner.padding, planner.side_by_side = VERIFIED, SIDE_BY_SIDE
    first = taken(planner)
    planner.question(PAGE)
    cut = planner.cut(first.part, every(MINUTE, NOON, NOON + 40 * DAY))
    while planner.take() is None:
        planner.question(PAGE)
        cut = planner.cut(cut.part, every(MINUTE, NOON, NOON + 40 * DAY))
    lengths = [cut.part.length, *(part.length for part in planner._under_way[1:])]
    while len(lengths) < 5:
        lengths.append(taken(planner).part.length)
    whole = lengths[-1]
    assert [round(4 * length / whole) for length in lengths] == [1, 2, 3, 4, 4]


@pytest.mark.parametrize(("rest", "parts"), [(SMALLEST_REST - 0.02, 1), (SMALLEST_REST + 0.02, 2)])
def test_a_small_rest_is_read_with_the_part_before_it(rest: float, parts: int) -> None:
    def planner(length: int) -> Planner:
        made = Planner(Part(NOON, NOON + length))
        made.padding, made._rows_a_page, made._density = VERIFIED, PAGE, 1 / MINUTE
        return made

    wanted = taken(planner(80 * DAY)).part.length
    again, lengths = planner(int(wanted * (1 + rest))), []
    while (planned := again.take()) is not None:
        lengths.append(planned.part.length)
    assert len(lengths) == parts


# Measuring


def test_only_the_part_whose_density_is_not_known_is_measured() -> None:
    planner = Planner(Part(NOON, NOON + 80 * DAY))
    first = taken(planner)
    other = Planned(Part(NOON + DAY, NOON + 2 * DAY), 50.0)
    known = every(SECOND, NOON, NOON + DAY)
    assert not planner.is_unmeasured(other)
    assert planner.is_unmeasured(first)
    assert planner.is_to_be_measured(first, 80 * DAY, 2, known, PAGE) is True
    assert planner.is_to_be_measured(first, 80 * DAY, 2, every(DAY, NOON, NOON + 90 * DAY), PAGE) is None
    assert planner.is_to_be_measured(first, 80 * DAY, 8, every(DAY, NOON, NOON + 90 * DAY), PAGE) is True
    assert planner.is_to_be_measured(first, 80 * DAY, 2, [], PAGE) is True


def test_once_it_is_measured_parts_beside_it_can_be_planned() -> None:
    planner = Planner(Part(NOON, NOON + 80 * DAY))
    first = taken(planner)
    planner.question(PAGE)
    cut = planner.cut(first.part, [])
    assert cut.part == Part(NOON, NOON + 40 * DAY), "rows that tell no density: half"
    assert planner.take() is None
    planner.measured(cut.part, every(MINUTE, NOON, NOON + DAY))
    assert taken(planner).part.start == cut.part.after


@given(st.integers(1, 84 * DAY), st.lists(st.integers(0, 84 * DAY), max_size=30))
def test_a_cut_is_shorter_and_never_empty(length: int, times: list[int]) -> None:
    planner = Planner(Part(NOON, NOON + length))
    first = taken(planner)
    cut = planner.cut(first.part, [seen(n, None, NOON + time) for n, time in enumerate(sorted(times))])
    assert cut.part.start == first.part.start
    assert 1 <= cut.part.length <= max(1, first.part.length)
    assert cut.part.length < first.part.length or first.part.length == 1


@pytest.mark.parametrize(
    ("times", "density"),
    [
        ([0, 10, 20], 0.1),
        ([20, 10, 0], 0.1),
        ([0, 0, 10], 0.2),
        ([7, 7], 1.0),
        ([0, 20, 10], None),
        ([5], None),
        ([], None),
        ([None, 0, None, 10], 0.1),
    ],
)
def test_rows_in_the_order_of_their_time_tell_their_density(times: list[int | None], density: float | None) -> None:
    assert density_of([seen(n, None, time) for n, time in enumerate(times)]) == density


def test_without_verified_bounds_no_part_is_planned_shorter_than_its_padding() -> None:
    planner = Planner(Part(NOON, NOON + 80 * DAY))
    assert planner.shortest == 2 * UNVERIFIED
    planner._rows_a_page, planner._density = PAGE, 1.0
    assert taken(planner).part.length == 2 * UNVERIFIED
    planner.padding = VERIFIED
    assert planner.shortest == 0


# What is reached


def split(planner: Planner, count: int) -> list[Part]:
    """So many parts, taken at once."""
    planner.padding, planner.side_by_side = VERIFIED, SIDE_BY_SIDE
    planner._rows_a_page, planner._density = PAGE, 1 / MINUTE
    parts = [taken(planner).part]
    planner.measured(parts[0])
    return [*parts, *(taken(planner).part for _ in range(count - 1))]


def test_parts_read_ahead_of_the_oldest_are_not_reached_until_it_is_read() -> None:
    planner = Planner(Part(NOON, NOON + 80 * DAY))
    one, two, three = split(planner, 3)
    planner.is_read(three, 100, PAGE)
    planner.is_read(two, 100, PAGE)
    assert planner.reached == NOON
    planner.is_read(one, 100, PAGE)
    assert planner.reached == three.after
    assert planner.parts_read == 3


def test_a_planner_is_done_when_no_part_is_left_or_under_way() -> None:
    planner = Planner(Part(NOON, NOON + DAY))
    assert not planner.is_done
    part = taken(planner).part
    assert not planner.is_done
    planner.is_read(part, 0, 0)
    assert planner.is_done
    assert planner.take() is None
    assert planner.reached == NOON + DAY


def test_the_cursor_waits_where_rows_may_be_hidden_and_the_rest_is_read_all_the_same() -> None:
    planner = Planner(Part(NOON, NOON + 80 * DAY))
    one, two = split(planner, 2)
    planner.hold(two.start + HOUR)
    planner.hold(two.start + DAY)
    planner.is_read(one, 5, PAGE)
    assert planner.reached == one.after
    planner.is_read(two, 5, PAGE)
    assert planner.reached == two.start + HOUR
    assert planner.take() is not None


def test_the_cursor_never_waits_before_the_window() -> None:
    planner = Planner(Part(NOON, NOON + DAY))
    planner.hold(NOON - HOUR)
    planner.is_read(taken(planner).part, 5, PAGE)
    assert planner.is_done
    assert planner.reached == NOON


@given(
    st.integers(1, 300 * DAY),
    st.sampled_from([SECOND, MINUTE, HOUR, DAY]),
    st.integers(1, SIDE_BY_SIDE),
    st.randoms(use_true_random=False),
    st.integers(0, 2),
)
def test_parts_tile_the_window_whatever_is_seen_and_in_whatever_order_they_end(
    length: int, apart: int, side_by_side: int, chance: Random, cuts: int
) -> None:
    window = Part(NOON, NOON + length)
    planner = Planner(window)
    planner.side_by_side, planner.padding = side_by_side, VERIFIED
    under_way: list[Part] = []
    read: list[Part] = []
    for _ in range(3_000):
        planned = planner.take() if len(under_way) < side_by_side else None
        if planned is not None:
            part = planned.part
            for _ in range(cuts):
                if planned.pages < PAGES_A_PART / 4 and part.length > HOUR:
                    planner.question(PAGE)
                    part = planner.cut(part, every(apart, part.start, part.after, 50)).part
            under_way.append(part)
        elif under_way:
            part = under_way.pop(chance.randrange(len(under_way)))
            read.append(part)
            planner.is_read(part, part.length // apart, PAGE)
            ahead = {one.start: one.after for one in read}
            reached = window.start
            while reached in ahead:
                reached = ahead[reached]
            assert planner.reached == reached
        if planner.is_done:
            assert_tile(read, window)
            return
    assert_tile(sorted([*read, *under_way], key=lambda one: one.start), Part(window.start, planner._next))
