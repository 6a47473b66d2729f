"""What is asked and what is answered: one request for one page of one bot's log. Nothing else here knows of HTTP."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
    """The server does not take these arguments (a 4xx), in its own words; `error` is what to raise if no others are."""

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
"""A request's JSON body: `dateFrom`, `dateTo`, `limit`, `skip`, `isDeveloper`, filters, `sort`."""
Fetch: TypeAlias = Callable[[Body], Answer]
"""One request for one bot. Blocks until it is answered. Raises what no other request could mend: a wrong secret, a
missing scope, a host that is not there."""
Channels: TypeAlias = tuple[str, ...] | str | None
"""Of a request: a list; one as text, as an older page of the vendor shows it [D]; or None, which leaves the key out."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows a request asks for."""

    developer: bool
    channels: Channels = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What the configuration chooses. `filters`: its fields `channels`, `feature_names`, `task_id`, `user_ids` and
    `channel_user_ids`; those without a value count as not there."""

    filters: Mapping[str, Any] = field(default_factory=dict)
    include_developer: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "filters", {name: value for name, value in self.filters.items() if value})

    @property
    def channels(self) -> Sequence[str]:
        return self.filters.get("channels") or ()


class CannotRead(Exception):
    """A bot's log cannot be read to the end. Its message is the rest of a sentence that begins with the bot."""

    def __init__(self, words: str, is_transient: bool = False):
        self.is_transient = is_transient
        super().__init__(words)
