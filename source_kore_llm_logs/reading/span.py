"""Parts tile a bot's window; a request reaches beyond its part, so that no row of the part can be outside of it.

The vendor does not say which of a row's times the dates filter, whether a bound belongs to the span, how finely it is
cut, or in which zone a time is read [U]. Until a server has shown that, a request reaches beyond its part by the sum of
the worst of each, at both ends: a bound that is cut to the day and then excluded hides up to 24 hours, a time that is
read in another zone is off by up to 14, and the filter may look at a row's start, at its end, or at a time of the log's
own, while the row belongs to the part that holds its end. Calls last a minute or so, since the gateway then gives up
[D], and an entry is written within a minute [C]: a quarter of an hour covers these. -> calibration.py for the proof

No request spans more than 90 calendar days, in any zone: 84 days and the widest padding at both ends, rounded outwards
to whole days, touch at most 90.
"""

from dataclasses import dataclass
from typing import NamedTuple

from source_kore_llm_logs.reading.fetch import Row

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
CELL = 5 * MINUTE
"""A call that comes when little more than its cell is asked for proves how bounds are read."""
CALL = 15 * MINUTE
"""From the earliest to the latest time of a row that a filter may look at."""
PROVED = CELL + CALL
UNPROVED = DAY + 14 * HOUR + CALL
"""The padding where bounds are proved, and where nothing is known of them."""
LONGEST_PART = 84 * DAY
LONGEST_CALL = HOUR
"""Calls should not last longer than `CALL`. Where a bot shows some, requests reach back by as much, up to this."""
MARGIN = 2 * SECOND


@dataclass(frozen=True, slots=True)
class Part:
    """`[start, after)` of one bot's log, in milliseconds since the epoch, UTC."""

    start: int
    after: int

    @property
    def length(self) -> int:
        return self.after - self.start

    def owns(self, row: Row) -> bool:
        """Whether the row belongs to this part: its end, or its start where it has no end, lies inside."""
        return row.time is not None and self.start <= row.time < self.after

    def halves(self) -> "tuple[Part, Part]":
        """Two parts that tile this one, which is longer than a millisecond."""
        middle = self.start + self.length // 2
        return Part(self.start, middle), Part(middle, self.after)


class Span(NamedTuple):
    """`dateFrom` and `dateTo` of a request, in milliseconds since the epoch, UTC."""

    date_from: int
    date_to: int

    @property
    def length(self) -> int:
        return self.date_to - self.date_from

    def holds(self, row: Row) -> bool:
        """Whether both times of the row lie inside."""
        return row.start is not None and row.end is not None and self.date_from <= row.start <= row.end <= self.date_to

    def is_far_from(self, row: Row) -> bool:
        """Whether no time of the row lies inside or near by."""
        times = [time for time in (row.start, row.end) if time is not None]
        return bool(times) and not self.date_from - CALL <= min(times) <= max(times) <= self.date_to + CALL

    def moved(self, by: int) -> "Span":
        return Span(self.date_from + by, self.date_to + by)


def cell_around(row: Row) -> Span | None:
    """The span that holds the row's call, and no multiple of five minutes strictly inside, if there is one. A bound
    that is cut to the second and excluded does not hide the call."""
    if row.start is None or row.end is None or row.start > row.end:
        return None
    begin = row.start - row.start % CELL
    fits = row.start - begin >= MARGIN and row.end - begin <= CELL - MARGIN
    return Span(begin + 1, begin + CELL - 1) if fits else None
