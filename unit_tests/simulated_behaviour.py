"""What a simulated server may do, what its log holds and what a user chooses of it.

`Behaviour` holds one field for each thing that the vendor leaves open; its defaults are the plainest server. Times are
milliseconds since the epoch in UTC.
"""

import re
from dataclasses import dataclass, fields
from datetime import datetime, timedelta, timezone
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
MILLISECONDS, SECONDS, DATES = "milliseconds", "seconds", "dates"
FORMS = {
    MILLISECONDS: re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
    SECONDS: re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"),
    DATES: re.compile(r"\d{4}-\d\d-\d\d"),
}
DOCUMENTED_CHANNELS = (
    "msteams", "twitter", "spark", "rtm", "facebook", "slack", "kore", "email", "sms", "ringcentral", "jabber",
    "yammer", "alexa", "twiliovoice", "telegram", "ivr", "ivrVoice", "smartassist", "line", "liveperson",
    "googleactions", "hangoutchat", "mattermost", "rcs",
)  # fmt: skip


class ShowsWhatDiffers:
    """A repr that names only the fields that differ from their defaults, so that a failing example can be read."""

    def __repr__(self) -> str:
        shown = [f for f in fields(self) if f.repr and getattr(self, f.name) != f.default]  # type: ignore[arg-type]
        return f"{type(self).__name__}({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in shown)})"


@dataclass(frozen=True, repr=False)
class Behaviour(ShowsWhatDiffers):
    """What one server does for one bot. Every default is the plainest reading; zones are minutes east of UTC."""

    # How deep pages go.
    skip_ceiling: int | None = None  # the largest skip that is answered
    depth_ceiling: int | None = None  # the largest skip + limit that is answered
    above_ceiling: str = "refused"  # refused | empty | unavailable | too large | cut (for skip + limit)
    behind: str = "empty"  # what a skip behind the last row is answered with: empty | refused
    skip: str = "honoured"  # honoured | ignored | held, at most `skip_held_at`
    skip_held_at: int = 0
    # How large a page is.
    largest_limit: int | None = None
    above_limit: str = "cut"  # cut | refused | empty | too large
    page_rows: int | None = None  # never more rows than this in a page, whatever the limit
    page_rows_vary: bool = False  # and by chance fewer, at least one
    too_large_rows: int | None = None  # a page of more rows than this cannot be made: too large
    page_bytes: int | None = None
    above_bytes: str = "row"  # the first row alone exceeds page_bytes: row (sent all the same) | empty | too large
    # Which dates are taken, and how they are read.
    refused_forms: frozenset[str] = frozenset()
    invalid_forms: frozenset[str] = frozenset()  # taken, and read as no date at all: no rows
    numbers: str = "any"  # limit and skip: any | text | int; the other is refused
    local_zone: int = 0  # where times without a zone are read
    dates_in_local_zone: bool = False  # plain dates too (JavaScript reads them in UTC)
    date_to_is_end_of_day: bool = False
    cut: int = 1  # bounds are cut down to a multiple of this many milliseconds
    cut_zone: int = 0
    cut_to_up: bool = False  # dateTo up instead
    from_inclusive: bool = True
    to_inclusive: bool = True
    above_90_days: str = "served"  # served | refused | cut start | cut end
    days_counted: str = "hours"  # hours (more than 90 x 24) | calendar (more than 90 dates touched)
    future_to: str = "served"  # served | refused | empty | now (taken for now)
    # Which rows are found, and in which order.
    filed_under: str = "start"  # start | end | entry
    hidden_end: bool = False  # a row without end is filed under an end that it does not show
    developer: str = "adds"  # adds | selects | ignored: what isDeveloper true does
    no_channel: str = "all"  # all | rtm
    channel_list: str = (
        "any"  # any | first (only that counts) | known (else no rows) | refused (if unknown) | one | text
    )
    ignored_filters: frozenset[str] = frozenset()  # of channel, featureName, taskId, userIds, channelUserIds
    spelling: str = "sample"  # sample (userIds, channelUserIds) | table (userId, channelUIds) | both
    unknown_keys: str = "ignored"  # ignored | refused
    order: str = "filed"  # filed | start | end | entry | written | time taken | arbitrary | random (at each request)
    descending: bool = False
    ties: str = "stable"  # stable | turned (at every other request) | shuffled (at each) | paged (by skip and limit)
    # What happens meanwhile.
    live_rows: int = 0  # new rows before each request
    live_total: int = 0  # no more than this in all
    live_into: str = "tail"  # tail (dated now) | span (dated inside the span that is asked for)
    refuses: bool = False  # every request, always
    down: bool = False
    faults: frozenset[int] = frozenset()  # these requests of the bot, counted from 0, are unavailable
    timeouts: frozenset[int] = frozenset()  # these are too large

    @property
    def usable_forms(self) -> frozenset[str]:
        return frozenset(FORMS) - self.refused_forms - self.invalid_forms


PLAIN = Behaviour()


@dataclass(frozen=True, repr=False)
class LogRow(ShowsWhatDiffers):
    """A row as the server keeps it. Rows with the same `number` are equal in all columns and have one id."""

    number: str
    start: int | None
    end: int | None
    unshown_end: int | None = None  # the end of a row without end, which only the server knows
    delay: int = 0  # from the end to the writing of the log entry
    channel: str = "rtm"
    feature: str = "Agent Node"
    task: str = "dg-1"
    user: str = "u-1"
    channel_user: str = "29:1"  # in no column
    developer: bool = False  # in no column
    size: int = 500
    appears: int = 0  # the first request of the bot that finds it
    vanishes: int | None = None  # the first that does not find it any more

    @property
    def time(self) -> int | None:
        return self.start if self.end is None else self.end

    @property
    def entry(self) -> int:
        """When the server wrote it: a row has this time even when it has no other."""
        known = [when for when in (self.end, self.unshown_end, self.start) if when is not None]
        return (known[0] if known else 0) + self.delay

    def present(self, request: int) -> bool:
        return self.appears <= request and (self.vanishes is None or request < self.vanishes)


@dataclass(frozen=True, repr=False)
class Choice(ShowsWhatDiffers):
    """What a user's config chooses. `body()` holds the keys of a request in the sample's spelling."""

    include_developer_usage: bool = True
    channels: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    task_id: str | None = None
    user_ids: tuple[str, ...] = ()
    channel_user_ids: tuple[str, ...] = ()

    def body(self) -> dict[str, Any]:
        chosen = {
            "channel": list(self.channels),
            "featureName": list(self.feature_names),
            "taskId": self.task_id,
            "userIds": list(self.user_ids),
            "channelUserIds": list(self.channel_user_ids),
        }
        return {"isDeveloper": self.include_developer_usage} | {key: value for key, value in chosen.items() if value}


EVERYTHING = Choice()


def iso(when: int | None) -> str | None:
    return None if when is None else moment(when).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(when: int) -> datetime:
    return EPOCH + timedelta(milliseconds=when)


def parse(text: object) -> tuple[int, str]:
    """The date of a request read as UTC, and its form. Raises AssertionError where it has no known form."""
    for form, pattern in FORMS.items():
        if isinstance(text, str) and pattern.fullmatch(text):
            read = datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=timezone.utc)
            return (read - EPOCH) // timedelta(milliseconds=1), form
    raise AssertionError(f"no server is known to take this date: {text!r}")


def days_touched(low: int, high: int) -> int:
    """How many calendar days in UTC a span has a part of; a midnight at its end belongs to the day that ends there."""
    return max(high - 1, low) // DAY - low // DAY + 1
