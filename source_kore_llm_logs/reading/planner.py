"""How a bot's window is cut into parts: by pages, not by days.

A part is read, settled and checkpointed as one. It holds about a hundred pages: that is what a killed sync reads again,
and how deep `skip` goes. A sparse bot's eighty-five days are one part and one page; a busy bot's hour is one part.

- A part gets its length from the density of the rows that this bot gave last. What is left is cut evenly, so that no
  small part remains at the end.
- Where nothing is known, or more pages come than were expected, one question tells whether the part is too long: is
  there a row at the `skip` at which a part is to end? Then it is cut, to a half at the most.
- Where several parts are read side by side, the first of them are a quarter, a half and three quarters as long, so that
  they end, and are checkpointed, one after the other and not all at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import RLock

from source_kore_llm_logs.reading.fetch import Row
from source_kore_llm_logs.reading.padding import LONGEST_PART
from source_kore_llm_logs.reading.part import Part

PAGES_A_PART = 110
MOST_PAGES_A_PART = 180
"""A pass that goes on for more pages is given up, and its part is split."""
SIDE_BY_SIDE = 4
SHORTEST_CUT = 32
"""A part is cut to no less than this fraction of itself at a time: what one page shows of its density may not be true
of the whole."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A part, and how many pages of its own rows are expected of it."""

    part: Part
    pages: float


class Planner:
    """Cuts one bot's window into parts, in order, and keeps what was read of it. Thread-safe; blocks on nothing.

    `longest`: milliseconds, at most `LONGEST_PART`.
    """

    def __init__(self, window: Part, longest: int = LONGEST_PART):
        self.window = window
        self.side_by_side = 1
        """How many parts are to be read at once, from 1 to `SIDE_BY_SIDE`."""
        self.shortest = 0
        """Milliseconds below which no part is cut for its number of pages: requests would be mostly padding."""
        self.parts_read = 0
        self.reached = window.start
        """All parts before this moment are read."""
        self._longest = min(longest, LONGEST_PART)
        self._next = window.start
        self._after = window.after
        self._rows_a_page = 0
        self._density: float | None = None
        self._staggered = 0
        self._under_way: list[Part] = []
        self._read_ahead: dict[int, int] = {}
        self._unmeasured: Part | None = None
        self._lock = RLock()

    def take(self) -> Planned | None:
        """The next part to read, the oldest first. None if there is none now: all are taken, or the length of the next
        depends on one whose density is being found out."""
        with self._lock:
            if self._next >= self._after or self._unmeasured is not None:
                return None
            left = self._after - self._next
            length, expected = min(left, self._longest), 0.0
            if self._density and self._rows_a_page:
                wanted = self._wanted_length(self._density)
                if wanted < left:
                    left_evenly = left / -(-left // max(1, int(wanted)))
                    length = max(1, min(self._longest, int(left_evenly) + 1))
                expected = self._density * length / self._rows_a_page
            part = Part(self._next, min(self._next + length, self._after))
            self._next = part.after
            self._under_way.append(part)
            if expected < PAGES_A_PART / 4:
                self._unmeasured = part
            else:
                self._staggered += 1
            return Planned(part, expected)

    def is_too_long(self, planned: Planned, pages: int) -> bool:
        """Whether so many pages with more to come are reason to ask if the part is too long."""
        with self._lock:
            return planned.part == self._unmeasured and pages > 2 * planned.pages

    def question(self, rows_a_page: int) -> int:
        """The `skip` at which a part should have ended, when pages hold so many rows."""
        with self._lock:
            self._rows_a_page = max(self._rows_a_page, rows_a_page)
            return PAGES_A_PART * self._rows_a_page

    def cut(self, part: Part, rows: Sequence[Row]) -> Planned:
        """A shorter part in the place of one that is too long; these rows of it were seen."""
        with self._lock:
            length = part.length // 2
            density = density_of(rows)
            if density:
                length = min(length, max(part.length // SHORTEST_CUT, int(self._wanted_length(density))))
            shorter = Part(part.start, part.start + max(1, length))
            self._under_way[self._under_way.index(part)] = shorter
            self._next, self._unmeasured = shorter.after, shorter
            return Planned(shorter, 0.0)

    def measured(self, part: Part, rows: Sequence[Row] = ()) -> None:
        """The length of this part is right: the next may be planned by the density of these rows of it."""
        with self._lock:
            if part == self._unmeasured:
                self._unmeasured = None
                self._staggered += 1
                self._density = density_of(rows) or self._density

    def end_early(self, part: Part, after: int) -> Part | None:
        """Nothing from this moment on can be read in this sync: what is left of the part, None if that is nothing."""
        with self._lock:
            self._after = min(self._after, max(after, self.window.start))
            self._next = min(self._next, self._after)
            place = self._under_way.index(part)
            if after <= part.start:
                del self._under_way[place]
                self._unmeasured = None if self._unmeasured == part else self._unmeasured
                return None
            left = Part(part.start, min(part.after, after))
            self._under_way[place] = left
            self._unmeasured = left if self._unmeasured == part else self._unmeasured
            return left

    def is_read(self, part: Part, rows: int, rows_a_page: int) -> None:
        """A part is settled, and gave so many rows of its own; its pages held so many at most."""
        with self._lock:
            self._under_way.remove(part)
            self.parts_read += 1
            self._read_ahead[part.start] = part.after
            self._density = rows / part.length
            self._rows_a_page = max(self._rows_a_page, rows_a_page)
            if part == self._unmeasured:
                self._unmeasured = None
            while self.reached in self._read_ahead:
                self.reached = self._read_ahead.pop(self.reached)

    @property
    def is_done(self) -> bool:
        """Whether no part is left to take or under way."""
        with self._lock:
            return self._next >= self._after and not self._under_way

    def _wanted_length(self, density: float) -> float:
        """Milliseconds of the next part, at so many rows a millisecond."""
        share = 1.0 if self.side_by_side == 1 else min(1.0, (self._staggered + 1) / SIDE_BY_SIDE)
        return max(self.shortest, PAGES_A_PART * self._rows_a_page * share / density)


def density_of(rows: Sequence[Row]) -> float | None:
    """Rows a millisecond, if these came in the order of their time; else they tell nothing of it."""
    times = [row.time for row in rows if row.time is not None]
    if len(times) < 2 or times not in (sorted(times), sorted(times, reverse=True)):
        return None
    return (len(times) - 1) / max(1, abs(times[-1] - times[0]))
