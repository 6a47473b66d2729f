"""A bot's log, read from one end of a window to the other: stretches, parts, checkpoints.

A window is read in stretches of at most 84 days; the server is asked about each before it is read. A stretch is read in
parts. A part is read, settled and checkpointed as one, and is to have about ninety pages: its length follows from the
rows that the one before had. No row is lost between parts: they tile the window, and a row belongs to the one that
holds its time.

How far the log is known when a part was read: to its end, where bounds are proved. Else the newest rows may be hidden
between `dateTo` and what a server makes of it: then it is known up to the newest row that was shown, or up to what was
asked for less the padding, whichever is later. The rest is emitted all the same, and the next sync reads it again.
"""

from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple

from source_kore_llm_logs.reading.calibration import LIMITS, ServerProfile, calibrate
from source_kore_llm_logs.reading.fetch import Answer, Body, CannotRead, Choice, Fetch, Page, Row
from source_kore_llm_logs.reading.reader import Reader
from source_kore_llm_logs.reading.span import CALL, LONGEST_PART, MINUTE, Part

FASTEST_GROWTH = 4
"""The next part is at most so many times as long."""


class Checkpoint(NamedTuple):
    """Every row of the window before this moment, in milliseconds since the epoch, was given, if the log held it."""

    complete_until: int


class BotLog:
    """One bot's window. One thread reads it, once.

    `fetch` sends one request. `now` gives the present in milliseconds since the epoch; it may go back when an answer
    shows that the clock is ahead. `page_size`: the most rows to ask for at once. `longest_part`: in milliseconds.
    `tell`: where a sentence for the log goes.
    """

    def __init__(
        self,
        fetch: Fetch,
        now: Callable[[], int],
        window: Part,
        choice: Choice,
        page_size: int | None = None,
        longest_part: int = LONGEST_PART,
        tell: Callable[[str], None] = lambda words: None,
    ):
        self.window, self._now, self._choice, self._tell = window, now, choice, tell
        self._send, self._most = fetch, page_size or LIMITS[0]
        self._longest = min(longest_part, LONGEST_PART)
        self._length = self._longest
        """Of the next part, in milliseconds."""
        self._seen: ServerProfile | None = None
        """Of the first stretch that had rows."""
        self.profile: ServerProfile | None = None
        """Of the stretch that is read; None before the first question."""
        self.complete_until = window.start
        self.requests = self.received = self.parts = self.parts_read_again = 0
        """For the log: requests sent, rows received, parts read, parts that took more than one pass."""
        self.undated: set[str] = set()
        """Ids of rows without any date: no part holds them, so they are given when they first come."""
        self.ahead: set[str] = set()
        """Ids of rows that are dated ahead of now: they wait for their day."""

    def read(self) -> Iterator[Row | Checkpoint | None]:
        """The window's rows, each once; None behind those of each page, and a Checkpoint after each part.

        Blocks while a request is under way. Raises CannotRead, what a refusal stands for if no wording is taken, what a
        fault stands for that trying again and smaller pages did not mend, and what `fetch` raises.
        """
        reader: Reader | None = None
        start = self.window.start
        if self.window.length > LONGEST_PART:  # What the newest days show spares most questions about the others.
            self._calibrate(Part(self.window.after - LONGEST_PART, self.window.after), self._most)
        while start < self.window.after:
            after = min(self.window.after, start + LONGEST_PART)
            profile = self._calibrate(Part(start, after), min(self._most, reader.limit) if reader else self._most)
            if reader is None:
                reader = Reader(self._fetch, self._now, self._choice, profile)
            reader.use(profile)
            is_ahead = after > self._now()  # The first answer has shown that the local clock is.
            after = self._now() - MINUTE if is_ahead else after
            while start < after:
                part = self._next_part(reader, start, after)
                yield from self._read(reader, part, profile)
                yield Checkpoint(self.complete_until)
                if self.complete_until < part.after:
                    return
                start = part.after
            if is_ahead:
                return

    def _calibrate(self, part: Part, most: int) -> ServerProfile:
        """The profile of the stretch that ends with the part; what was seen of another is kept."""
        profile = calibrate(self._fetch, self._now, part, self._choice, most, self._seen)
        if self.profile is None or str(profile) != str(self.profile):
            self._tell(str(profile))
        self._seen = self._seen or (profile if profile.rows else None)
        self.profile = profile
        return profile

    def _next_part(self, reader: Reader, start: int, after: int) -> Part:
        part = Part(start, min(after, start + self._length))
        while part.length > self._shortest(reader.profile) and reader.is_too_long(part, reader.profile.scopes[0]):
            part = Part(start, start + part.length // 3)
        return part

    @staticmethod
    def _shortest(profile: ServerProfile) -> int:
        """Where the padding is longer than the part, a shorter one is hardly a shorter request."""
        return profile.padding * 2 if profile.is_proved else profile.padding // 2

    def _read(self, reader: Reader, part: Part, profile: ServerProfile) -> Iterator[Row | None]:
        latest, emitted, most = self._now(), set(self.undated), 1
        reader.passes = 0
        for scope in profile.scopes:
            most = max(most, (yield from self._noted(reader.read(part, scope, emitted, latest))))
        missing = [row for row in profile.rows if part.owns(row) and row.id not in emitted]
        if any(reader.is_there(row, latest) for row in missing):
            raise CannotRead("the API gives some rows only for a small request, and not when the log is read")
        self.parts, self.parts_read_again = (
            self.parts + 1,
            self.parts_read_again + (reader.passes > len(profile.scopes)),
        )
        growth = min(FASTEST_GROWTH, reader.aim / most)
        length = int((part.length + 2 * profile.padding) * growth) - 2 * profile.padding
        self._length = min(self._longest, max(self._shortest(profile), length))
        reader.milliseconds_a_row = part.length / most
        known = self._known_until(reader, part, profile, latest)
        self.complete_until = max(self.complete_until, min(part.after, known))

    def _noted(self, rows: Generator[Row | None, None, int]) -> Generator[Row | None, None, int]:
        """The same; rows without a date are remembered."""
        while True:
            try:
                row = next(rows)
            except StopIteration as end:
                return int(end.value)
            if row is not None and row.time is None:
                self.undated.add(row.id)
            yield row

    @staticmethod
    def _known_until(reader: Reader, part: Part, profile: ServerProfile, latest: int) -> int:
        """Before this moment no row of the part can have been hidden from a request."""
        asked = min(reader.span(part, latest).date_to, latest)
        if profile.is_exact or asked - profile.padding >= part.after:
            return part.after
        return max(asked - profile.padding, reader.newest_start - CALL)

    def _fetch(self, body: Body) -> Answer:
        answer = self._send(body)
        self.requests += 1
        if isinstance(answer, Page):
            self.received += len(answer.rows)
            latest = self._now()
            self.ahead.update(row.id for row in answer.rows if row.time is not None and row.time > latest)
        return answer
