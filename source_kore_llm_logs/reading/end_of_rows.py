"""When a page is the last.

The API gives no total and no "more" flag [D], and may give fewer rows than `limit`, or none, without a word [I]. So a
short page proves nothing, and an empty one only where this bot has been seen to give rows for such a request:

- Each page after the first is asked for from the last row of the one before, which must come again. A page that brings
  it alone is followed by the empty page behind it: together they are the end. The one shows that `skip` is still
  honoured and that no row moved to an earlier place; the other that no row is behind, which a server that caps its
  pages by bytes may have left out. Where that was seen, the last row is asked for once more after the page behind it:
  rows may have moved between the two.
- A server may refuse that `skip`. If it does so, too, where there are few rows, that is the end as well.
- If that row does not come and the page is empty, the server does not page so deep, or rows were deleted: the part is
  split.
- A server may find no more than so many rows in all, and end there as a log does. So a pass of many rows that stops far
  from the end of the span in the direction in which rows came, in no order, or at a round number, asks for rows where
  such a server would have hidden them. One that is new means that the part is to be split; so does a round number of
  rows in no order, of which none can be asked for.
- At `skip` 0 there is no row to ask for. So an empty page there is asked again for one row: the `limit` may have been
  too large for the server, or for its rows. Where this bot has given no rows for such dates, they are written in the
  other ways, too.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from source_kore_llm_logs.reading.fetch import Row
from source_kore_llm_logs.reading.padding import Span
from source_kore_llm_logs.reading.part import Part

MANY_ROWS = 50
"""The documented `limit` [D]: a server that finds no more than fewer rows in all is of no use to anybody."""
USUAL = (50, 100, 200, 250)
ROUND = 50
"""From 500 rows on, each multiple of this is a round number; below, the usual ones."""
FAR = 3
"""So many times the mean distance between rows."""
FEW_ROWS = 25
"""Of a pass without an order, how many to ask for."""


@dataclass
class RowsGiven:
    """What one bot has given rows for in one request format. Not thread-safe: its bot's lock guards it."""

    limit: int = 0
    """The largest `limit`."""
    deepest: int = 0
    """The largest `skip` + `limit`."""
    in_future: bool = False
    """Whether a request whose `dateTo` lay ahead of now was among them."""

    def gave(self, limit: int, skip: int, in_future: bool) -> None:
        """A request with this `limit` at this `skip` gave a row; `in_future`: its `dateTo` lay ahead of now."""
        self.limit = max(self.limit, limit)
        self.deepest = max(self.deepest, skip + limit)
        self.in_future |= in_future


def is_round(rows: int) -> bool:
    """Whether this may be the largest number of rows that a server finds."""
    return rows in USUAL or (rows >= 500 and rows % ROUND == 0)


class OrderOfRows:
    """The order in which the rows of a pass came, by their start or by their end. Not thread-safe."""

    def __init__(self) -> None:
        self._last: list[int] = []
        self._rises, self._falls = [True, True], [True, True]

    def came(self, rows: Iterable[Row]) -> None:
        """Rows of the next page, in their order."""
        for row in rows:
            times = [time for time in (row.start, row.end) if time is not None] * 2
            for by, (before, time) in enumerate(zip(self._last, times[-2:], strict=False)):
                self._rises[by] &= before <= time
                self._falls[by] &= time <= before
            self._last = times[-2:] or self._last

    @property
    def is_known(self) -> bool:
        """Whether rows came by their start or by their end, forwards or backwards."""
        return any(self._rises) or any(self._falls)

    def where_hidden(self, part: Part, span: Span, rows: int) -> Span | None:
        """Where rows of a part would be that come after the so many of this span; None if nothing speaks for any."""
        if rows < MANY_ROWS or not self._last:
            return None
        apart = span.length // rows
        for last, rises, falls in zip(self._last, self._rises, self._falls, strict=True):
            if rises or falls:
                left = part.after - last if rises else last - part.start
                if left <= FAR * apart and not is_round(rows):
                    return None
                return Span(min(last, span.date_to), span.date_to) if rises else Span(span.date_from, last)
        last = self._last[-1]
        return Span(last - FEW_ROWS // 2 * apart, last + FEW_ROWS // 2 * apart)
