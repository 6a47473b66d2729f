"""A bot's log, read from one end of a window to the other: stretches, parts, checkpoints.

The server is asked about each stretch of at most 84 days before it is read. A stretch is halved until a part has about
ninety pages, or is too short for that to pay, and where one cannot be settled.

A part that was read is known to its end where bounds are proved in UTC. Else `dateTo` may have hidden the newest rows:
then it is known up to a call's time before the newest that was shown, or to what was asked for less the padding,
whichever is later. The rest is emitted all the same, and the next sync reads it again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from source_kore_llm_logs.reading.calibration import LIMITS, ServerProfile, calibrate
from source_kore_llm_logs.reading.fetch import Choice, Fetch, Row
from source_kore_llm_logs.reading.reader import Reader
from source_kore_llm_logs.reading.span import LONGEST_PART, MINUTE, Part


class Checkpoint(NamedTuple):
    """Every row of the window before this moment, in milliseconds since the epoch, was given, if the log held it."""

    complete_until: int


@dataclass
class BotLog:
    """One bot's window. One thread reads it, once."""

    fetch: Fetch
    now: Callable[[], int]  # Milliseconds since the epoch; it goes back when an answer shows that the clock is ahead.
    window: Part
    choice: Choice
    page_size: int | None = None  # The most rows to ask for at once.
    longest_part: int = LONGEST_PART  # In milliseconds.
    profile: ServerProfile | None = None  # The last that showed rows; else the last.
    parts: int = 0  # That were read.
    parts_read_again: int = 0  # That took more than one pass.
    complete_until: int = 0

    def read(self) -> Iterator[Row | Checkpoint | None]:
        """The window's rows, each once; None after each page, and a Checkpoint after each part. Blocks while a request
        is under way. Raises CannotRead, what a refusal of every wording, or a fault that smaller pages did not mend,
        stands for, and what `fetch` raises."""
        self.complete_until = self.window.start
        reader = Reader(self.fetch, self.choice, self._calibrate(self.window.after, LIMITS[0]))
        start, now = self.window.start, self.now()  # The first answer may have shown that the local clock is ahead.
        after = self.window.after if self.window.after <= now else now - MINUTE
        while start < after and start <= self.complete_until:
            stretch = Part(start, min(after, start + LONGEST_PART))
            if self.window.length > LONGEST_PART:
                reader.use(self._calibrate(stretch.after, reader.limit))
            yield from self._stretch(reader, stretch)
            start = stretch.after

    def _calibrate(self, after: int, most: int) -> ServerProfile:
        """The profile of the stretch that ends with the part; what was seen of another is kept."""
        before = self.profile if self.profile and self.profile.rows else None
        profile = calibrate(self.fetch, self.now, after, self.choice, min(most, self.page_size or most), before)
        self.profile = self.profile if before and not profile.rows else profile
        return profile

    def _stretch(self, reader: Reader, stretch: Part) -> Iterator[Row | Checkpoint | None]:
        """It ends early where a part is known only in part."""
        parts = [(stretch, 0)]
        while parts:
            part, unsettled = parts.pop()
            reader.latest = self.now()
            is_too_long = reader.can_be_halved(part) and (part.length > self.longest_part or reader.is_too_long(part))
            halves = [(half, 0) for half in part.halves()] if is_too_long else (yield from reader.read(part, unsettled))
            if halves:
                parts += reversed(halves)
                continue
            self.parts += 1
            self.parts_read_again += reader.passes > len(reader.profile.scopes)
            self.complete_until = max(self.complete_until, reader.known_until(part))
            yield Checkpoint(self.complete_until)
            if self.complete_until < part.after:
                return
