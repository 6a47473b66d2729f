"""Parts tile a bot's window exactly: a row belongs to the one part that holds its own time."""

from dataclasses import dataclass

from source_kore_llm_logs.reading.fetch import Row

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Part:
    """`[start, after)` of one bot's log, in milliseconds since the epoch, UTC."""

    start: int
    after: int

    @property
    def length(self) -> int:
        return self.after - self.start

    def owns(self, row: Row) -> bool:
        """Whether the row is this part's own: it is, if its end (or its start, where it has no end) lies inside."""
        return row.time is not None and self.holds(row.time)

    def holds(self, time: int | None) -> bool:
        """Whether a row of this time is the part's own; one without a time may be anybody's."""
        return time is None or self.start <= time < self.after

    def halves(self) -> "tuple[Part, Part]":
        """Two parts that tile this one. Raises ValueError for a part of one millisecond."""
        middle = self.start + self.length // 2
        if middle == self.start:
            raise ValueError("a part of one millisecond has no halves")
        return Part(self.start, middle), Part(middle, self.after)
