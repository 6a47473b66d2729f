"""What a server of Kore.ai's log may do where the vendor's page leaves it open, and what is promised of each.

Every field of `Behaviour` is one such question, and its default is the plainest answer. Each has a class (`MAY_RAISE`):

| class | a sync of such a server |
|---|---|
| READ | gives every row once |
| READ_OR_RAISE | gives every row once, or fails and says so |
| OUTSIDE | may lose rows in silence: no reader could know |

Where several are in force, the weakest class counts. Times are milliseconds since the epoch in UTC.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta, timezone
from enum import IntEnum
from functools import cached_property, lru_cache
from typing import Any, Literal

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
DOCUMENTED_CHANNELS = (
    "msteams", "twitter", "spark", "rtm", "facebook", "slack", "kore", "email", "sms", "ringcentral", "jabber",
    "yammer", "alexa", "twiliovoice", "telegram", "ivr", "ivrVoice", "smartassist", "line", "liveperson",
    "googleactions", "hangoutchat", "mattermost", "rcs",
)  # fmt: skip
UNKNOWN_CHANNEL = "rcs"
"""Of the documented channels, the one that a server which knows its channels does not know."""
LONGEST_DAYS = 90
LOWEST_CEILING = 1_000
"""Of `skip`: nobody has seen a lower one, and below it a log may be too dense to be read in pieces."""

Form = Literal["milliseconds", "seconds", "day"]
FORMS: tuple[Form, ...] = ("milliseconds", "seconds", "day")
Failure = Literal["refused", "413", "500", "502", "504", "dropped", "cut body"]
FAILURES: tuple[Failure, ...] = ("refused", "413", "500", "502", "504", "dropped", "cut body")
Order = Literal[
    "filed", "start", "end", "entry", "written", "time taken", "second", "day", "arbitrary", "blocks", "random"
]  # fmt: skip
Filter = Literal["channel", "featureName", "taskId", "userIds", "channelUserIds"]


class Promise(IntEnum):
    """What a sync owes; the larger, the weaker."""

    READ = 0
    READ_OR_RAISE = 1
    OUTSIDE = 2


class ShowsWhatDiffers:
    """A repr that names only the fields that differ from their defaults, so that a failing example can be read."""

    def __repr__(self) -> str:
        shown = [f for f in fields(self) if f.repr and getattr(self, f.name) != f.default]  # type: ignore[arg-type]
        return f"{type(self).__name__}({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in shown)})"


@dataclass(frozen=True, repr=False, kw_only=True)
class Behaviour(ShowsWhatDiffers):
    """What one server does for one bot. Whatever fails, fails as a `Failure`; "empty" is a page of no rows."""

    # How deep pages go.
    skip_ceiling: int | None = None  # the largest skip that is answered
    depth_ceiling: int | None = None  # the largest skip + limit that is answered
    above_ceiling: Literal["empty"] | Failure = "refused"
    most_rows: int | None = None  # a request finds no more rows than this in all
    behind: Literal["empty", "refused"] = "empty"  # what a skip behind the last row gets
    skip: Literal["rows", "ignored", "held", "rounded", "pages"] = "rows"  # held: at most `skip_held_at`;
    skip_held_at: int = 0  # rounded: down to a multiple of limit; pages: taken for the number of a page
    # How large a page is.
    largest_limit: int | None = None
    above_limit: Literal["cut", "empty"] | Failure = "cut"
    page_bytes: int | None = None  # a page ends before the row that would make it longer, if it has one
    varying_pages: bool = False  # a page has by chance fewer rows, at least one
    fails_above_rows: int | None = None  # a page of more rows, or bytes, than this
    fails_above_bytes: int | None = None
    fails_how: Failure = "413"
    # Which arguments are taken, and how dates are read.
    refused_forms: frozenset[Form] = frozenset()
    silent_forms: frozenset[Form] = frozenset()  # taken, and read as no date at all: no rows
    numbers: Literal["any", "text", "int"] = "any"  # limit and skip; the other is refused
    unknown_keys: Literal["ignored", "refused"] = "ignored"
    hints: bool = True  # whether a refusal says which argument is not taken
    zone: str = "UTC"  # the server's own, by its name in the time zone database
    zone_reads: frozenset[Form] = frozenset()  # the forms of dates that are read in it, zone or not
    cut: int = 1  # bounds are cut down to a multiple of this many milliseconds
    cut_in_zone: bool = False  # of the server's clock, not of UTC
    cut_to_up: bool = False  # dateTo up instead
    date_to_is_end_of_day: bool = False  # a plain dateTo
    day_of_full: bool = False  # of a full date the day is read, and nothing else
    from_inclusive: bool = True
    to_inclusive: bool = True
    above_longest: Literal["refused", "cut start", "cut end"] = "refused"  # a span of more than 90 days
    days_counted: Literal["hours", "calendar"] = "hours"  # 90 x 24 hours, or 90 dates touched
    future_to: Literal["served", "refused", "empty", "now"] = "served"  # now: taken for the present
    # Which rows are found.
    filed_under: Literal["start", "end", "entry"] = "start"  # the time that is compared with the bounds
    hidden_end: bool = False  # a row without end is filed under an end that it does not show
    # What isDeveloper does (it is true, if absent): adds developers' rows; selects them; true selects, false gives all.
    developer: Literal["adds", "selects", "true selects", "ignored"] = "adds"
    no_channel: Literal["all", "rtm"] = "all"
    # Of a list of channels: all count; the first; none, if one is unknown; it is refused, if one is; lists of one are
    # taken; only a text is; a list matches no row.
    channel_list: Literal["any", "first", "known", "refused", "one", "text", "none"] = "any"
    ignored_filters: frozenset[Filter] = frozenset()
    spelling: Literal["sample", "table", "both"] = "sample"  # userIds, channelUserIds; userId, channelUIds
    # In which order.
    order: Order = "filed"
    descending: bool = False
    # Rows with equal keys: as they were logged; turned at every other request; shuffled at each; shuffled by skip and
    # limit; as a heap leaves them that is made once `heap_from` times as many rows came as are wanted.
    ties: Literal["stable", "turned", "shuffled", "paged", "heap"] = "stable"
    heap_from: int = 2  # 2: PostgreSQL; 1: MongoDB
    sort: Literal["honoured", "ignored", "refused", "times out"] = "honoured"  # what a request's own `sort` is
    # What moves meanwhile.
    lag_seconds: float = 0.0  # a row appears up to so long after its end
    retention_days: float | None = None  # rows that ended longer ago are gone
    deletes: int = 0  # so many of the oldest rows before each request
    deletes_in_all: int = 0
    inserts: int = 0  # so many new rows before each request
    inserts_in_all: int = 0
    inserts_into: Literal["now", "span"] = "now"  # dated now, or inside the span that is asked for
    replica_behind: int = 0  # every other request is answered as the log was so many requests ago
    # What goes wrong.
    refuses: bool = False  # every request, always
    down: bool = False
    fails_at: frozenset[int] = frozenset()  # these requests of the bot, counted from 0, get a 500
    times_out_at: frozenset[int] = frozenset()  # these get a 504

    @property
    def promise(self) -> Promise:
        """READ, or READ_OR_RAISE. What depends on the rows besides: promise.py."""
        may_raise = any(allowed(getattr(self, name)) for name, allowed in MAY_RAISE.items())
        return Promise.READ_OR_RAISE if may_raise else Promise.READ

    @property
    def usable_forms(self) -> frozenset[Form]:
        return frozenset(FORMS) - self.refused_forms - self.silent_forms


PLAIN = Behaviour()
MOST_THAT_REST = 10
MAY_RAISE: Mapping[str, Callable[[Any], bool]] = {
    "skip_ceiling": lambda ceiling: ceiling is not None and ceiling < LOWEST_CEILING,
    "depth_ceiling": lambda ceiling: ceiling is not None and ceiling < LOWEST_CEILING,
    "most_rows": lambda rows: rows is not None,
    "skip": lambda skip: skip != "rows",
    "page_bytes": lambda size: size is not None,
    "ignored_filters": bool,
    "order": lambda order: order in ("random", "blocks"),
    "inserts_in_all": lambda count: count > MOST_THAT_REST,
    "refuses": bool,
    "down": bool,
    "fails_at": bool,
    "times_out_at": bool,
}
"""The fields, and their values, that are READ_OR_RAISE. Every other one is READ."""


@dataclass(frozen=True, repr=False, eq=False)
class LogRow(ShowsWhatDiffers):
    """A row as the server keeps it. Rows with the same `number` are equal in all columns."""

    number: str
    start: int | None
    end: int | None
    unshown_end: int | None = None  # the end of a row without end, which only the server knows
    delay: int = 0  # from the end to the writing of the log entry
    channel: str = "rtm"
    feature: str = "Agent Node"
    task: str = "dg-1"
    user: str = "u-1"
    channel_user: str = "29:1"  # in no documented column
    developer: bool = False  # in no column
    size: int = 500
    appears: int = 0  # the first request of the bot that finds it
    vanishes: int | None = None  # the first that does not find it any more
    time_taken: int | None = None  # where it is not what lies between start and end
    body: bytes = b""  # as it is served over HTTP

    @property
    def time(self) -> int | None:
        """The row's own time, by which it belongs to a window."""
        return self.start if self.end is None else self.end

    @cached_property
    def entry(self) -> int | None:
        """When the server wrote it, which it knows of a row that shows no date."""
        for when in (self.end, self.unshown_end, self.start):
            if when is not None:
                return when + self.delay
        return None

    @cached_property
    def hidden(self) -> int:
        """A number that follows from its content and has no meaning."""
        return zlib.crc32(self.body or self.number.encode()) // 11

    @property
    def taken(self) -> int:
        if self.time_taken is not None:
            return self.time_taken
        return 0 if self.start is None or self.end is None else self.end - self.start


def iso(when: int) -> str:
    """A moment as the API writes it."""
    return (EPOCH + timedelta(milliseconds=when)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_DATE = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(:\d\d)?(?:\.(\d{1,9}))?(Z|([+-])(\d\d):?(\d\d))?)?"
)  # fmt: skip


def parse(text: object) -> tuple[int, Form] | None:
    """A date read as UTC unless it names another zone, and its form; None where it has none that is known."""
    return _parsed(text) if isinstance(text, str) else None


@lru_cache(maxsize=1000)
def _parsed(text: str) -> tuple[int, Form] | None:
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    day, minutes, seconds, fraction, zone, sign, hours_east, minutes_east = match.groups()
    try:
        wall = datetime.fromisoformat(f"{day}T{minutes or '00:00'}{seconds or ':00'}+00:00")
    except ValueError:
        return None
    when = (wall - EPOCH) // timedelta(milliseconds=1) + int((fraction or "0")[:3].ljust(3, "0"))
    if sign:
        when -= (int(hours_east) * 60 + int(minutes_east)) * MINUTE * (-1 if sign == "-" else 1)
    return when, "day" if minutes is None else "milliseconds" if zone else "seconds"
