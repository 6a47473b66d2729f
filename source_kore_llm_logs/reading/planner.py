"""How a bot's window is cut into parts: by pages, not by days.

A part is read, settled and checkpointed as one. It holds about a hundred pages: that is what a killed sync reads again,
and how deep `skip` goes. A sparse bot's eighty-four days are one part and one page; a busy bot's hour is one part.

- A part gets its length from the density of the rows that this bot gave last, so that its last page comes nearly full.
- Where nothing is known, the first pages tell how many there may be. Where those are many, one question tells whether
  the part is too long: is there a row at the `skip` at which a part is to end? Then it is cut.
- Where several parts are read side by side, the first of them are a quarter, a half and three quarters as long, so that
  they end, and are checkpointed, one after the other and not all at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import RLock

from source_kore_llm_logs.reading.fetch import Row
from source_kore_llm_logs.reading.padding import LONGEST_PART, UNVERIFIED
from source_kore_llm_logs.reading.part import Part

PAGES_A_PART = 110
PAGES_SIDE_BY_SIDE = 80
"""Of a part, where several are read at once and none of them is checkpointed yet."""
MOST_PAGES_A_PART = 180
"""A pass that goes on for more pages is given up, and its part is split."""
MOST_PAGES_HELD = 8
"""A part that seems to have no more pages than these is not asked for its length: it ends, or it is asked then."""
SIDE_BY_SIDE = 4
SMALLEST_REST = 0.15
"""A rest that is no more than this fraction of a part is read with the part before it."""
ROOM_IN_LAST_PAGE = 0.15
"""Of a page: how much emptier than planned the last page of a part is to be, so that few more rows need no other."""
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

    `longest`: milliseconds of a part; more than `LONGEST_PART` is cut to that. A part that is not under way raises
    ValueError where a method takes one.
    """

    def __init__(self, window: Part, longest: int = LONGEST_PART):
        self.window = window
        self.side_by_side = 1
        """How many parts are to be read at once, from 1 to `SIDE_BY_SIDE`."""
        self.padding = UNVERIFIED
        """Milliseconds that a request reaches beyond its part at both ends."""
        self.parts_read = 0
        self._longest = min(longest, LONGEST_PART)
        self._next = self._reached = window.start
        self._held = window.after
        self._rows_a_page = 0
        self._density: float | None = None
        self._staggered = 0
        self._least = 0
        self._under_way: list[Part] = []
        self._read_ahead: dict[int, int] = {}
        self._unmeasured: Part | None = None
        self._lock = RLock()

    def take(self) -> Planned | None:
        """The next part to read, the oldest first. None if there is none now: all are taken, or the length of the next
        depends on one whose density is being found out."""
        with self._lock:
            if self._next >= self.window.after or self._unmeasured is not None:
                return None
            left = self.window.after - self._next
            length, expected = min(left, self._longest), 0.0
            if self._density and self._rows_a_page:
                wanted = self._wanted_length(self._density)
                if left > wanted * (1 + SMALLEST_REST):
                    length = min(self._longest, wanted)
                expected = self._density * length / self._rows_a_page
            part = Part(self._next, min(self._next + length, self.window.after))
            self._next = part.after
            self._under_way.append(part)
            if expected < PAGES_A_PART / 4:
                self._unmeasured = part
            else:
                self._staggered += 1
            return Planned(part, expected)

    def is_unmeasured(self, planned: Planned) -> bool:
        """Whether the length of this part is not known to be right."""
        with self._lock:
            return planned.part == self._unmeasured

    def is_to_be_measured(
        self, planned: Planned, length: int, pages: int, rows: Sequence[Row], rows_a_page: int
    ) -> bool | None:
        """Whether so many pages, which held these rows, and with more to come, are reason to ask if the part is too
        long. None: not yet. `length` is that of the request, with its padding."""
        with self._lock:
            if pages >= MOST_PAGES_HELD:
                return True
            density = density_of(rows)
            expected = density * length / rows_a_page if density else PAGES_A_PART
            return True if expected > 2 * MOST_PAGES_HELD else None

    def question(self, rows_a_page: int) -> int:
        """The `skip` at which a part should have ended, when pages hold so many rows; remembers the largest page."""
        with self._lock:
            self._rows_a_page = max(self._rows_a_page, rows_a_page)
            return PAGES_A_PART * self._rows_a_page

    def cut(self, part: Part, rows: Sequence[Row]) -> Planned:
        """A shorter part in the place of one that is too long; these rows of it were seen.

        Rows in the order of their time tell how dense they are there; where the part begins they may be sparser. So a
        part after one that was sparser than that is cut less.
        """
        with self._lock:
            length = part.length // 2
            density = density_of(rows)
            if density:
                wanted = self._wanted_length(density)
                length = min(part.length * 9 // 10, max(part.length // SHORTEST_CUT, wanted))
                length = max(length, min(self._least, part.length // 2))
            shorter = Part(part.start, part.start + max(1, length))
            self._under_way[self._under_way.index(part)] = shorter
            self._next, self._unmeasured = shorter.after, shorter
            if density and length == wanted:
                self.measured(shorter, rows)
            return Planned(shorter, 0.0)

    def measured(self, part: Part, rows: Sequence[Row] = ()) -> None:
        """The length of this part is right: the next may be planned by the density of these rows of it."""
        with self._lock:
            if part == self._unmeasured:
                self._unmeasured = None
                self._staggered += 1
                self._density = density_of(rows) or self._density

    def hold(self, until: int) -> None:
        """Rows from this moment on may be hidden still: the cursor waits there, whatever else is read."""
        with self._lock:
            self._held = min(self._held, until)

    @property
    def reached(self) -> int:
        """All parts before this moment are read, and no row before it can have been hidden."""
        with self._lock:
            return max(self.window.start, min(self._reached, self._held))

    def is_read(self, part: Part, rows: int, rows_a_page: int, spread: int = 0) -> None:
        """A part is settled, and gave so many rows of its own, `spread` milliseconds from the first to the last; its
        pages held so many rows at most."""
        with self._lock:
            self._under_way.remove(part)
            self.parts_read += 1
            self._read_ahead[part.start] = part.after
            self._density = rows / max(1, min(part.length, spread or part.length))
            self._least = 4 * part.length if rows < self._rows_a_page else 0
            self._rows_a_page = max(self._rows_a_page, rows_a_page)
            if part == self._unmeasured:
                self._unmeasured = None
            while self._reached in self._read_ahead:
                self._reached = self._read_ahead.pop(self._reached)

    @property
    def is_done(self) -> bool:
        """Whether no part is left to take or under way."""
        with self._lock:
            return self._next >= self.window.after and not self._under_way

    @property
    def shortest(self) -> int:
        """Milliseconds below which no part is cut for its number of pages: requests would be mostly padding."""
        return 0 if self.padding < UNVERIFIED else 2 * UNVERIFIED

    def _wanted_length(self, density: float) -> int:
        """Milliseconds of the next part, at so many rows a millisecond: with its padding, it fills its last page."""
        share = 1.0 if self.side_by_side == 1 else min(1.0, (self._staggered + 1) / SIDE_BY_SIDE)
        new_rows_a_page = max(1, self._rows_a_page - 1)  # Each page begins with the last row of the one before.
        padding = density * 2 * self.padding
        most = PAGES_A_PART if self.side_by_side == 1 else PAGES_SIDE_BY_SIDE
        pages = round(most * share + padding / new_rows_a_page)
        rows = max(new_rows_a_page, (pages - ROOM_IN_LAST_PAGE) * new_rows_a_page - padding)
        return max(1, self.shortest, int(rows / density))


def density_of(rows: Sequence[Row]) -> float | None:
    """Rows a millisecond, if these came in the order of their time; else they tell nothing of it."""
    times = [row.time for row in rows if row.time is not None]
    if len(times) < 2 or times not in (sorted(times), sorted(times, reverse=True)):
        return None
    return (len(times) - 1) / max(1, abs(times[-1] - times[0]))
