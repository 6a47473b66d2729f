"""No row of a part is outside its request, whatever the server does to bounds, zones and times."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import product

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from source_kore_llm_logs.reading.padding import (
    CALL,
    LONGEST_PART,
    UNVERIFIED,
    VERIFIED,
    Span,
    cell_around,
    fit_calls,
    is_beside,
    padded,
)
from source_kore_llm_logs.reading.part import DAY, HOUR, MINUTE, SECOND, Part
from source_kore_llm_logs.reading.request_format import Dates, RequestFormat
from unit_tests.simulated_behaviour import parse
from unit_tests.small_scenario import NOON, seen

ZONES = st.integers(-12 * 4, 14 * 4).map(lambda quarters: quarters * 15 * MINUTE)
UNITS = st.sampled_from([1, SECOND, MINUTE, 5 * MINUTE, HOUR, DAY])
FORMATS: st.SearchStrategy[Dates] = st.sampled_from(["milliseconds", "seconds", "day"])


@dataclass(frozen=True)
class Filter:
    """How a server compares a row's time with the bounds of a request, as it reads them."""

    unit: int
    cut_zone: int
    is_from_moved_on: bool  # rows of the unit in which `dateFrom` lies are not given
    is_to_moved_on: bool  # `dateTo` is cut upwards
    from_inclusive: bool
    to_inclusive: bool
    misread: int = 0  # the zone in which a text without a zone, or with one, is read

    def gives(self, when: int, date_from: int, date_to: int) -> bool:
        low, high = self._cut(date_from - self.misread), self._cut(date_to - self.misread)
        low += self.unit * self.is_from_moved_on
        high += self.unit * self.is_to_moved_on
        after = low <= when if self.from_inclusive else low < when
        return after and (when <= high if self.to_inclusive else when < high)

    def _cut(self, when: int) -> int:
        return (when + self.cut_zone) // self.unit * self.unit - self.cut_zone


FILTERS = st.builds(
    Filter, UNITS, ZONES, st.booleans(), st.booleans(), st.booleans(), st.booleans(), misread=ZONES
)  # fmt: skip


def as_read(form: RequestFormat, span: Span) -> tuple[int, int]:
    """The bounds that a server finds in the request's texts, in UTC."""
    body = form.body(form.written(span), 1, 0)
    return parse(body["dateFrom"])[0], parse(body["dateTo"])[0]


@st.composite
def filed_times(draw: st.DrawFn, part: Part) -> int:
    """What a server may compare of a row that is the part's own: its start, its end, or the time of its entry."""
    own = draw(st.integers(part.start, part.after - 1) | st.sampled_from([part.start, part.after - 1]))
    took = draw(st.integers(0, CALL - 2 * MINUTE - 1))
    late = draw(st.integers(0, 2 * MINUTE))
    has_end = draw(st.booleans())
    start, end = (own - took, own) if has_end else (own, own + took)
    return draw(st.sampled_from([start, end, end + late]))


PARTS = st.tuples(st.integers(0, 3 * DAY), st.integers(1, LONGEST_PART)).map(
    lambda drawn: Part(NOON + drawn[0], NOON + drawn[0] + drawn[1])
)


@given(st.data(), PARTS, FORMATS, FILTERS)
def test_before_bounds_are_verified_every_row_of_a_part_is_in_its_request(
    data: st.DataObject, part: Part, dates: Dates, server: Filter
) -> None:
    span = as_read(RequestFormat(dates=dates), padded(part, is_verified=False))
    filed = data.draw(filed_times(part))
    assert server.gives(filed, *span)


NEIGHBOURS = [(-2 * CALL - 1, 2 * CALL + 1), (-8 * HOUR, 15 * HOUR), (-23 * HOUR, HOUR - 1)]
SOME_ZONES = [hours * HOUR for hours in (0, -12, -3, 1, 14)] + [330 * MINUTE]
SERVERS = [
    Filter(unit, zone, *flags, misread=misread)
    for unit in (1, SECOND, MINUTE, 5 * MINUTE, HOUR, DAY)
    for zone in SOME_ZONES
    for flags in product((False, True), repeat=4)
    for misread in [*SOME_ZONES, -210 * MINUTE, 765 * MINUTE]  # No zone is less than an hour away from UTC.
]


@pytest.mark.parametrize("dates", ["milliseconds", "seconds", "day"])
def test_before_bounds_are_verified_a_request_stands_the_worst_cut_in_the_worst_zone(dates: Dates) -> None:
    """A server's cut to the day, in any zone, may come on top of dates that tell no time."""
    form = RequestFormat(dates=dates)
    for hour in range(24):
        part = Part(NOON + hour * HOUR - 1, NOON + hour * HOUR + DAY - 1)
        span = as_read(form, padded(part, is_verified=False))
        for server in SERVERS:
            if server.unit == DAY:
                assert server.gives(part.start - CALL + SECOND, *span), (server, part)
                assert server.gives(part.after + CALL - 2 * SECOND, *span), (server, part)


def verifies(server: Filter, form: RequestFormat, late: int) -> bool:
    """Whether one call at least comes back for the minute around it, as `Bot.verify_bounds` asks for it."""
    for offset in (7 * SECOND, 11 * HOUR + 59 * MINUTE + 50 * SECOND, 20 * HOUR + 50 * SECOND):
        end = NOON + offset
        around = cell_around(seen("call", end - 2 * SECOND, end))
        assert around is not None
        asked = as_read(form, around)
        beside = [] if form.tells_the_zone else NEIGHBOURS
        if server.gives(end + late, *asked) and (
            not beside or any(not any(server.gives(end + step + late, *asked) for step in steps) for steps in beside)
        ):
            return True
    return False


@pytest.mark.parametrize("dates", ["milliseconds", "seconds"])
def test_where_a_call_came_back_for_its_minute_a_quarter_of_an_hour_is_padding_enough(dates: Dates) -> None:
    """A text with its zone is read in it; one without is verified by two neighbours besides, which do not come."""
    form = RequestFormat(dates=dates)
    parts = [Part(NOON + at, NOON + at + 90 * MINUTE) for at in (0, 12 * HOUR - 1, 7 * HOUR + 1234)]
    verified = 0
    for server in SERVERS:
        if form.tells_the_zone and server.misread:
            continue
        for late in (-2 * SECOND, 0, 2 * MINUTE - SECOND):  # filed under the start, the end, the entry
            if not verifies(server, form, late):
                continue
            verified += 1
            for part in parts:
                span = as_read(form, padded(part, is_verified=True))
                for own in (part.start, part.after - 1):
                    for took in (0, CALL - 2 * MINUTE - 2 * SECOND):  # A cut to the second takes its share.
                        for filed in (own - took, own, own + 2 * MINUTE, own + took + 2 * MINUTE):
                            assert server.gives(filed, *span), (server, part, own, filed)
    assert verified > 100


@given(st.integers(0, 400 * DAY), ZONES, FORMATS, st.booleans(), st.booleans())
@example(DAY - UNVERIFIED % DAY - 1, 0, "day", False, False)
@example(0, 0, "day", True, False)
def test_no_request_touches_more_than_90_days_of_any_calendar(
    start: int, zone: int, dates: Dates, until_now: bool, is_verified: bool
) -> None:
    span = padded(Part(NOON + start, NOON + start + LONGEST_PART), is_verified)
    date_from, date_to = as_read(RequestFormat(until_now, dates), span)
    if dates == "day":  # It may be read as the beginning of that day in its own zone, or as the end of it.
        zone, date_to = 0, date_to + DAY - 1
    first, last = (datetime.fromtimestamp((when + zone) / 1000, timezone.utc).date() for when in (date_from, date_to))
    assert last - first <= timedelta(days=89)


def test_the_longest_part_leaves_room_for_the_padding_and_no_more() -> None:
    """One day more would touch a ninety-first day."""
    span = RequestFormat(dates="day").written(padded(Part(NOON, NOON + LONGEST_PART + DAY), is_verified=False))
    assert padded(Part(0, LONGEST_PART + DAY), is_verified=False).length > 88 * DAY
    assert span.length // DAY + 1 >= 90


def test_verified_bounds_need_a_quarter_of_an_hour() -> None:
    assert padded(Part(NOON, NOON + HOUR), is_verified=True) == (NOON - VERIFIED, NOON + HOUR + VERIFIED)
    assert VERIFIED == 15 * MINUTE
    assert UNVERIFIED == DAY + 14 * HOUR + 15 * MINUTE


# Verification


@pytest.mark.parametrize(
    ("start", "end", "is_fit"),
    [
        (2_000, 58_000, True),
        (30_000, 30_000, True),
        (1_999, 30_000, False),
        (30_000, 58_001, False),
        (30_000, 63_000, False),
        (40_000, 30_000, False),
        (None, 30_000, False),
        (30_000, None, False),
    ],
)
def test_a_call_is_asked_around_only_if_it_lies_well_inside_one_minute(
    start: int | None, end: int | None, is_fit: bool
) -> None:
    call = seen(1, start and NOON + start, end and NOON + end)
    assert (cell_around(call) is not None) is is_fit


def test_the_span_around_a_call_holds_no_whole_minute() -> None:
    span = cell_around(seen(1, NOON + 20_000, NOON + 21_000))
    assert span == (NOON + 1, NOON + MINUTE - 1)


@given(UNITS, ZONES)
def test_no_cut_to_whole_minutes_parts_the_bounds_around_a_call(unit: int, zone: int) -> None:
    """So if the call comes, the first bound was not moved on past it and the last not excluded before it."""
    assume(unit >= MINUTE)
    span = cell_around(seen(1, NOON + 20_000, NOON + 21_000))
    assert span is not None
    assert (span.date_from + zone) // unit == (span.date_to + zone) // unit


def test_calls_that_leave_most_of_their_minute_for_a_late_entry_come_first() -> None:
    calls = [seen(n, NOON + n * HOUR + s * SECOND, NOON + n * HOUR + s * SECOND) for n, s in enumerate((40, 3, 20))]
    assert fit_calls(calls, with_neighbours=False) == [calls[1], calls[2], calls[0]]
    assert fit_calls([seen(1, None, None), seen(2, NOON, NOON)], with_neighbours=False) == []


@pytest.mark.parametrize(
    ("before", "after", "is_fit"),
    [
        (-HOUR, HOUR, True),
        (-2 * CALL - 1, 2 * CALL + 1, True),
        (-2 * CALL, HOUR, False),
        (-HOUR, 2 * CALL, False),
        (-12 * HOUR, 12 * HOUR - 1, True),
        (-12 * HOUR, 12 * HOUR, False),
    ],
)
def test_where_the_zone_is_not_told_a_call_needs_neighbours_less_than_a_day_apart_and_not_too_near(
    before: int, after: int, is_fit: bool
) -> None:
    call, first, last = (seen(n, NOON + 20_000 + n, NOON + 20_000 + n) for n in (0, before, after))
    assert (call in fit_calls([call, first, last], with_neighbours=True)) is is_fit


@pytest.mark.parametrize(
    ("start", "end", "is_far"),
    [
        (-CALL - 2, -CALL - 1, True),
        (-CALL - 2, -CALL, False),
        (None, -CALL - 1, True),
        (MINUTE + CALL + 1, MINUTE + CALL + 2, True),
        (MINUTE + CALL, MINUTE + CALL + 2, False),
        (MINUTE + CALL + 1, None, True),
        (None, None, False),
        (0, 0, False),
    ],
)
def test_a_row_is_beside_a_span_only_if_none_of_its_times_can_bring_it_there(
    start: int | None, end: int | None, is_far: bool
) -> None:
    assert is_beside(seen(1, start, end), Span(0, MINUTE)) is is_far
