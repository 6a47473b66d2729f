"""What the reader asks and what it is answered: one request for one page of one bot's log.

The reader is given a function `fetch` for each bot. It sends one request body, waits for the bot's rate limit, tries
faults again, and says how it ended. Nothing else in this package knows that there is HTTP.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias


@dataclass(frozen=True, slots=True)
class Row:
    """A row as the reader sees it: what it is known by, its dates, and the record that it becomes.

    `start` and `end` are milliseconds since the epoch in UTC, None where the API gave no date that can be read.
    """

    id: str
    start: int | None
    end: int | None
    record: Mapping[str, Any]

    @property
    def without_record(self) -> "Row":
        """The same row, which takes little memory."""
        return Row(self.id, self.start, self.end, {})

    @property
    def time(self) -> int | None:
        """The row's own time, by which it belongs to one part: its end, or its start where it has no end."""
        return self.start if self.end is None else self.end


class Page(NamedTuple):
    """The rows of one answer, in their order; the bytes of its decoded body; how many seconds the server took."""

    rows: list[Row]
    size: int
    seconds: float = 0.0


class Refused(NamedTuple):
    """The server does not take these arguments (412, or another 4xx of the kind), in its own words.

    `error` is what to raise if no other way of asking is left.
    """

    words: str
    error: Exception


class TooLarge(NamedTuple):
    """The server cannot make a page of this size: 413, or it timed out at it more than once."""

    words: str
    error: Exception


class Unavailable(NamedTuple):
    """A fault (500, a broken connection, an answer that is not rows) that trying again did not mend."""

    words: str
    error: Exception


Answer: TypeAlias = Page | Refused | TooLarge | Unavailable
Body: TypeAlias = Mapping[str, Any]
"""A request's JSON body: `dateFrom`, `dateTo`, `limit`, `skip`, `isDeveloper`, and filters."""
Fetch: TypeAlias = Callable[[Body], Answer]
"""One request for one bot. Blocks until it is answered. Raises what no other request could mend: a wrong secret, a
missing scope, a host that is not there. Thread-safe."""


class CannotRead(Exception):
    """A bot's log cannot be read to the end. Its message is the rest of a sentence that begins with the bot."""

    def __init__(self, words: str, is_transient: bool = False):
        self.is_transient = is_transient
        super().__init__(words)
