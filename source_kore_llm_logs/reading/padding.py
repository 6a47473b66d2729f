"""How far a request reaches beyond its part, so that no row of the part can be outside of it.

The vendor does not say which of a row's times the dates filter, whether a bound belongs to the span, how finely it is
cut, or in which zone a time is read [U]. Until more is known of a bot, a request reaches beyond its part by the sum of
the worst of each, at both ends:

- a bound that is cut to the day and then excluded hides up to 24 hours,
- a time that is read in another zone is off by up to 14 hours,
- the filter may look at a row's start, its end, or a time of the log's own, up to two minutes after the end, while the
  row belongs to the part that holds its end. A call lasts a minute or so, since the gateway then gives up [D]; an entry
  is written within a minute [C]; a row without an end does not show when it ended. A quarter of an hour covers these.

**Verified bounds** need only the last. They are verified by a call that comes back when it is asked for by the minute
around it, with no whole minute inside the span. Whatever the server cuts its bounds to, from the minute to the day, in
any zone, is cut at whole minutes. So both bounds were cut to the same instant, which lies before the span: had the
first been moved on, or the last been excluded, the call would be outside. A cut to the second is covered by the quarter
of an hour. A time that is sent with its zone (`Z`) is taken to be read in it. One that is sent without could be read in
another zone, and still give the call if the bounds take in the whole day. That is ruled out by two more rows of this
bot, one before and one after the call, less than a day apart, that must not come; for no zone is less than an hour away
from UTC, so a cut to the hour or finer does not give the call.

Where the last request reaches beyond now, padding may not help: a server may take that for now, and then cut it. So of
a bot whose bounds are not verified, nothing is taken for complete that is newer than the newest row shown, less a
quarter of an hour, or than now, less the padding, whichever is later: a row that was shown lies before whatever the
bound was cut to. Where no call lies within a minute, one that comes back for its five minutes, or its hour, shows at
least that no bound is cut to more, and the cursor waits no longer than that.

Dates without a time are rounded outwards to whole days before they are sent: the server's own cut comes on top.

A request never spans more than 90 calendar days, in any zone: 84 days and both paddings are less than 88 times 24
hours, so with both ends rounded outwards they touch at most 90 days, the last of them whole.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from source_kore_llm_logs.reading.fetch import Row
from source_kore_llm_logs.reading.part import DAY, HOUR, MINUTE, SECOND, Part

CALL = 15 * MINUTE
MOST_CUT = DAY + 14 * HOUR
UNVERIFIED = MOST_CUT + CALL
VERIFIED = CALL
LONGEST_CALL = HOUR
"""Calls should not last so long. If a bot shows some, requests for it reach back by as much more."""
FARTHEST_WEST = 12 * HOUR
"""A time without a zone that is to be no later than now is no later there either."""
LONGEST_PART = 84 * DAY
CELLS = (MINUTE, 5 * MINUTE, HOUR)
"""A call that comes back when its cell is asked for shows that bounds are cut to less than this."""
MARGIN = 2 * SECOND
"""A call is fit to be asked around if it lies so far inside of a cell: a bound that is cut to the second and excluded
does not hide it."""


class Span(NamedTuple):
    """What a pass asks for: `dateFrom` and `dateTo` in milliseconds since the epoch, UTC. No page of a pass differs."""

    date_from: int
    date_to: int

    @property
    def length(self) -> int:
        return self.date_to - self.date_from


def padded(part: Part, is_verified: bool, longest_call: int = 0) -> Span:
    """The span of a request that must hold every row of the part. `longest_call`: in milliseconds, as far as known."""
    if is_verified:
        more = min(longest_call, LONGEST_CALL) if longest_call >= CALL else 0
        return Span(part.start - VERIFIED - more, part.after + VERIFIED)
    return Span(part.start - UNVERIFIED, part.after + UNVERIFIED)


def cell_around(row: Row, cell: int = MINUTE) -> Span | None:
    """The span with no whole minute (or other cell) inside it that holds the row's call; None if it is not fit."""
    if row.start is None or row.end is None or not row.start <= row.end:
        return None
    begin = row.start - row.start % cell
    if row.start - begin < MARGIN or row.end - begin > cell - MARGIN:
        return None
    return Span(begin + 1, begin + cell - 1)


def is_beside(row: Row, span: Span) -> bool:
    """Whether a row is too far from the span to be given for it, whichever of its times is looked at."""
    times = [time for time in (row.start, row.end) if time is not None]
    return bool(times) and (max(times) < span.date_from - CALL or min(times) > span.date_to + CALL)


def fit_calls(rows: Iterable[Row], with_neighbours: bool, cell: int = MINUTE) -> list[Row]:
    """The calls to ask around, the fittest first: those that leave the most of their cell for a late entry.

    With neighbours: only calls between two rows that are less than a day apart and would not be given.
    """
    dated: Sequence[Row] = [row for row in rows if row.start is not None and row.end is not None]
    fit = sorted((row for row in dated if cell_around(row, cell)), key=lambda row: (row.end or 0) % cell)
    if not with_neighbours:
        return fit
    times = sorted(row.end for row in dated if row.end is not None)
    chosen = []
    for row in fit:
        assert row.end is not None
        before = max((time for time in times if time < row.end - 2 * CALL), default=None)
        after = min((time for time in times if time > row.end + 2 * CALL), default=None)
        if before is not None and after is not None and after - before < DAY:
            chosen.append(row)
    return chosen
