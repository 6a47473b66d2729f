"""How a request is written down: dates, numbers, filters, and whose rows it asks for. The vendor shows several ways.

The sample writes plain dates and numbers as text [D]; the known client sends times without a zone, and full timestamps
[C]; the page's table spells two filters in another way than its sample [D].
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Literal, TypeAlias

from source_kore_llm_logs.reading.fetch import Row
from source_kore_llm_logs.reading.span import DAY, Span

SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "channels": ("channel",),
    "feature_names": ("featureName",),
    "task_id": ("taskId",),
    "user_ids": ("userIds", "userId"),
    "channel_user_ids": ("channelUserIds", "channelUIds"),
}
"""Field of the configuration -> keys of the request body: the sample's spelling [D, C], then the table's [D]."""
DOCUMENTED_CHANNELS = (
    "msteams", "twitter", "spark", "rtm", "facebook", "slack", "kore", "email", "sms", "ringcentral", "jabber",
    "yammer", "alexa", "twiliovoice", "telegram", "ivr", "ivrVoice", "smartassist", "line", "liveperson",
    "googleactions", "hangoutchat", "mattermost", "rcs",
)  # fmt: skip
"""[D], at getAnalytics."""
DEFAULT_CHANNEL = "rtm"
"""What leaving `channel` out means at getAnalytics [D]."""
Channels: TypeAlias = tuple[str, ...] | str | None
"""Of a request: a list; one as text, as an older page of the vendor shows it [D]; or None, which leaves the key out."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the configuration chooses. `filters`: those of its fields that are in `SPELLINGS`, by their names there."""

    filters: Mapping[str, Any] = field(default_factory=dict)
    include_developer: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "filters", {name: value for name, value in self.filters.items() if value})

    @property
    def channels(self) -> Sequence[str]:
        return self.filters.get("channels") or ()


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows a request asks for."""

    developer: bool
    channels: Channels = None

    def body(self) -> dict[str, Any]:
        channels = self.channels if isinstance(self.channels, str) else list(self.channels or ())
        return {"isDeveloper": self.developer} | ({"channel": channels} if channels else {})


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to write a request.

    `offset`: milliseconds by which the server's clock is ahead of UTC, where it reads times without a zone. `reach`:
    milliseconds before now that `dateTo` stays, for servers to which today is the future.
    """

    dates: Literal["milliseconds", "seconds", "day"] = "milliseconds"
    integers: bool = False
    user_ids: str = "userIds"
    channel_user_ids: str = "channelUserIds"
    offset: int = 0
    reach: int = 0

    def key(self, name: str) -> str:
        """The key of the request for this field of the configuration."""
        return str(getattr(self, name)) if name in ("user_ids", "channel_user_ids") else SPELLINGS[name][0]

    def date(self, moment: int) -> str:
        """Milliseconds since the epoch, as they are sent."""
        text = datetime.fromtimestamp((moment + self.offset) // 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
        if self.dates == "day":
            return text[:10]
        return text if self.dates == "seconds" else f"{text}.{moment % 1000:03d}Z"

    def body(self, span: Span, choice: Choice, scope: Scope, skip: int, limit: int, **other: Any) -> dict[str, Any]:
        """The body of a request; `other` replaces keys, or adds some."""
        chosen = {self.key(name): value for name, value in choice.filters.items() if name != "channels"}
        number = int if self.integers else str
        dates = {"dateFrom": self.date(span.date_from), "dateTo": self.date(span.date_to)}
        return {**dates, "limit": number(limit), "skip": number(skip), **scope.body(), **chosen, **other}

    def rounded(self, span: Span, latest: int | None) -> Span:
        """What this wording can say of a span: whole days outwards, but nothing after the moment `latest`."""
        if self.dates != "day":
            return span
        day, up = span.date_to - span.date_to % DAY, span.date_to + -span.date_to % DAY
        return Span(span.date_from - span.date_from % DAY, day if latest is not None and up > latest else up)

    def __str__(self) -> str:
        zone = f" ({self.offset / 3_600_000:+g} h from UTC)" if self.offset else ""
        kind = {"milliseconds": "dates to the millisecond", "seconds": "dates without a zone", "day": "plain dates"}
        return f"{kind[self.dates]}{zone}, numbers as {'integers' if self.integers else 'text'}"


def wordings(choice: Choice) -> Iterator[Wording]:
    """Every wording that may be needed, the likeliest first. A server that takes seconds and days is not asked by days:
    they prove nothing."""
    for channel_user_ids in SPELLINGS["channel_user_ids"][: 2 if "channel_user_ids" in choice.filters else 1]:
        for user_ids in SPELLINGS["user_ids"][: 2 if "user_ids" in choice.filters else 1]:
            for integers in (False, True):
                for dates in ("milliseconds", "seconds", "day"):
                    yield Wording(dates, integers, user_ids, channel_user_ids)


def respelled(wording: Wording, name: str) -> Wording | None:
    """The wording with the vendor's other spelling of this filter; None if it has no other."""
    others = [key for key in SPELLINGS[name] if key != wording.key(name)]
    changed: dict[str, Any] = dict(zip([name], others, strict=False))
    return replace(wording, **changed) if changed else None


def channel_of(row: Row) -> str:
    """Stripped, in lower case; empty where the row names none."""
    return str(row.record.get("channel_name") or "").strip().casefold()
