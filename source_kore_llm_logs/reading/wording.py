"""How a request is written down: dates, numbers, filters, and whose rows it asks for. The vendor shows several ways.

The sample writes plain dates and numbers as text [D]; the known client sends times without a zone, and full timestamps
[C]; the page's table spells two filters in another way than its sample [D].
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal, get_args

from source_kore_llm_logs.reading.fetch import Choice, Scope
from source_kore_llm_logs.reading.span import DAY, Span

# Field of the configuration -> keys of the request body: the sample's spelling [D, C], then the table's [D].
SPELLINGS: Mapping[str, tuple[str, str]] = {
    "channels": ("channel", "channel"),
    "feature_names": ("featureName", "featureName"),
    "task_id": ("taskId", "taskId"),
    "user_ids": ("userIds", "userId"),
    "channel_user_ids": ("channelUserIds", "channelUIds"),
}
Form = Literal["milliseconds", "seconds", "day"]
FORMS: tuple[Form, ...] = get_args(Form)  # Of dates, the likeliest first; days last, since they prove nothing.


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to write a request."""

    dates: Form = "milliseconds"
    integers: bool = False
    spelling: int = 0
    offset: int = 0  # Milliseconds by which the server's clock is ahead of UTC, where it reads times without a zone.
    before_now: int = 0  # Milliseconds before now that `dateTo` stays, for servers to which today is the future.

    def date(self, moment: int) -> str:
        """Milliseconds since the epoch, as they are sent."""
        text = datetime.fromtimestamp((moment + self.offset) // 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
        if self.dates == "day":
            return text[:10]
        return text if self.dates == "seconds" else f"{text}.{moment % 1000:03d}Z"

    def body(self, span: Span, choice: Choice, scope: Scope, skip: int, limit: int, **other: Any) -> dict[str, Any]:
        """The body of a request; `other` replaces keys, or adds some."""
        number = int if self.integers else str
        body: dict[str, Any] = {"dateFrom": self.date(span.date_from), "dateTo": self.date(span.date_to)}
        if scope.channels:
            body["channel"] = scope.channels if isinstance(scope.channels, str) else list(scope.channels)
        chosen = {SPELLINGS[name][self.spelling]: value for name, value in choice.filters.items() if name != "channels"}
        return {**body, "isDeveloper": scope.developer, "limit": number(limit), "skip": number(skip), **chosen, **other}

    def rounded(self, span: Span, latest: int | None) -> Span:
        """What this wording says of a span: whole days outwards; but `dateTo`'s own if the next is after `latest`."""
        if self.dates != "day":
            return span
        day, up = span.date_to - span.date_to % DAY, span.date_to + -span.date_to % DAY
        return Span(span.date_from - span.date_from % DAY, day if latest is not None and up > latest else up)


def wordings(choice: Choice) -> Iterator[Wording]:
    """Every wording that may be needed, the likeliest first."""
    for spelling in (0, 1) if {"user_ids", "channel_user_ids"} & choice.filters.keys() else (0,):
        for integers in (False, True):
            yield from (Wording(dates, integers, spelling) for dates in FORMS)
