"""Parts tile a bot's window; a request reaches beyond its part, so that no row of the part can be outside of it.

The vendor does not say which of a row's times the dates filter, whether a bound belongs to the span, how finely it is
cut, or in which zone it is read [U]. Until a server has shown that, requests reach beyond their part by the worst of
each: a bound that is cut to the day and excluded hides 24 hours, another zone is off by up to 14, and the filter may
look at a row's start, its end, or a time of the log's own. -> calibration.py for the proof
"""

from dataclasses import dataclass
from typing import NamedTuple

from source_kore_llm_logs.reading.fetch import Row

SECOND, MINUTE, QUARTER, HOUR, DAY = 1_000, 60_000, 900_000, 3_600_000, 86_400_000
FIVE_MINUTES = 5 * MINUTE  # A call that comes when only its five minutes are asked for proves how bounds are read.
# From the earliest to the latest time of a row: the gateway gives a call up after a minute or so [D], and an entry is
# written within a minute [C]. Where a bot shows longer calls, requests reach back by as much, up to an hour.
USUAL_CALL, LONGEST_CALL = 15 * MINUTE, HOUR
PADDING, WIDE_PADDING = FIVE_MINUTES + USUAL_CALL, DAY + 14 * HOUR + USUAL_CALL  # Where bounds are proved, or not.
LONGEST_PART = 84 * DAY  # With twice the widest padding, in whole days, it touches at most 90 calendar days.


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

    def holds(self, row: Row, margin: int = 0) -> bool:
        """Whether the times of the row lie inside, and so far from the bounds."""
        times = [time for time in (row.start, row.end) if time is not None]
        return bool(times) and self.date_from + margin <= min(times) <= max(times) <= self.date_to - margin

    @classmethod
    def five_minutes_around(cls, row: Row) -> "Span | None":
        """The span that holds the row's call and no multiple of five minutes strictly inside, if there is one. A bound
        that is cut to the second and excluded does not hide the call."""
        begin = (row.start or row.end or 0) // FIVE_MINUTES * FIVE_MINUTES
        span = cls(begin + 1, begin + FIVE_MINUTES - 1)
        return span if span.holds(row, 2 * SECOND) else None
