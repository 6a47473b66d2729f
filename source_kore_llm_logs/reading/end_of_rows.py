"""When a page is the last.

The API gives no total and no "more" flag [D], and may give fewer rows than `limit`, or none, without a word [I]. So a
short page proves nothing, and an empty one only where this bot has been seen to give rows for such a request:

- Each page after the first is asked for from the last row of the one before, which must come again. A page that brings
  it alone is followed by the empty page behind it: together they are the end. The one shows that `skip` is still
  honoured and that no row moved to an earlier place; the other that no row is behind, which a server that caps its
  pages by bytes may have left out. Where that was seen, the last row is asked for once more after the page behind it:
  rows may have moved between the two.
- If that row does not come and the page is empty, the server does not page so deep, or rows were deleted: the part is
  split.
- At `skip` 0 there is no row to ask for. An empty page there is believed only if this bot has given rows for such a
  `limit`, such a depth, and such dates. Else it is asked again, as documented.
"""

from dataclasses import dataclass


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

    def proves_empty(self, limit: int, in_future: bool) -> bool:
        """Whether an empty page at `skip` 0 means that there are no rows."""
        return limit <= self.limit and (self.in_future or not in_future)
