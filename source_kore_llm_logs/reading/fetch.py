"""What is asked and what is answered: one request for one page of one bot's log. Nothing else here knows of HTTP."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias


class Row(NamedTuple):
    """A row: what it is known by, its dates in milliseconds since the epoch, UTC (None where the API gave none that can
    be read), and the record that it becomes."""

    id: str
    start: int | None
    end: int | None
    record: Mapping[str, Any]

    @property
    def time(self) -> int | None:
        """By which it belongs to one part: its end, or its start where it has no end."""
        return self.start if self.end is None else self.end


class Page(NamedTuple):
    """The rows of one answer, in their order, and the bytes of its decoded body."""

    rows: list[Row]
    size: int


class Refused(NamedTuple):
    """The server does not take these arguments. `error` is what to raise if it takes no others."""

    error: Exception
    rows: tuple[Row, ...] = ()  # Always empty.


class Unavailable(NamedTuple):
    """The page could not be had, for its size or for a fault. `error` is what to raise if no other can be had."""

    error: Exception
    rows: tuple[Row, ...] = ()  # Always empty.


Answer: TypeAlias = Page | Refused | Unavailable
Body: TypeAlias = Mapping[str, Any]  # A request's JSON: dateFrom, dateTo, limit, skip, isDeveloper, filters, sort.
# One request for one bot. Blocks until it is answered. Raises what no other request could mend, as a wrong secret.
Fetch: TypeAlias = Callable[[Body], Answer]


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows a request asks for."""

    developer: bool
    channels: tuple[str, ...] | str | None = None  # A list; one as text, as an older page shows it [D]; or no key.


@dataclass(frozen=True, slots=True)
class Choice:
    """What the configuration chooses."""

    filters: Mapping[str, Any] = field(default_factory=dict)  # The fields of `SPELLINGS` that have a value.
    include_developer: bool = True


class CannotRead(Exception):
    """A bot's log cannot be read to the end. Its message is the rest of a sentence that begins with the bot."""

    def __init__(self, words: str, is_transient: bool = False):
        self.is_transient = is_transient
        super().__init__(words)
