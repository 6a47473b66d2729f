"""How a request is written down: the spelling of dates, numbers and filters, of which the vendor shows several.

The sample writes plain dates and numbers as text [D]; the known client also sends full timestamps [C]; the page's table
spells two filters in another way than its sample [D]. A server that refuses one format (412) is asked in the next; one
that takes a format but reads it as nothing answers with an empty page, which is for the reader to see through.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timezone
from itertools import product
from typing import Any, Literal

from source_kore_llm_logs.reading.padding import Span
from source_kore_llm_logs.reading.part import DAY

Dates = Literal["milliseconds", "day", "seconds"]
SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "channels": ("channel",),
    "feature_names": ("featureName",),
    "task_id": ("taskId",),
    "user_ids": ("userIds", "userId"),
    "channel_user_ids": ("channelUserIds", "channelUIds"),
}
"""Field of the configuration -> keys of the request body: the sample's spelling [D, C], then the table's [D]."""


@dataclass(frozen=True, slots=True)
class RequestFormat:
    """One way to write a request. `until_now`: `dateTo` is to be no later than the present; the span sees to it."""

    until_now: bool = False
    dates: Dates = "milliseconds"
    integers: bool = False
    user_ids: str = "userIds"
    channel_user_ids: str = "channelUserIds"

    @property
    def tells_the_zone(self) -> bool:
        return self.dates == "milliseconds"

    @property
    def tells_the_time(self) -> bool:
        return self.dates != "day"

    def body(self, span: Span, limit: int, skip: int) -> dict[str, Any]:
        """The part of the body that differs from request to request."""
        return {
            "dateFrom": self.date(span.date_from),
            "dateTo": self.date(span.date_to),
            "limit": limit if self.integers else str(limit),
            "skip": skip if self.integers else str(skip),
        }

    def written(self, span: Span) -> Span:
        """The span as this format can write it: whole days are rounded outwards, but never to a day that is to come."""
        if self.tells_the_time:
            return span
        date_to = span.date_to if self.until_now else span.date_to + DAY - 1
        return Span(span.date_from - span.date_from % DAY, date_to - date_to % DAY)

    def date(self, moment: int) -> str:
        """Milliseconds since the epoch, as this format writes them; always in UTC."""
        text = datetime.fromtimestamp(moment // 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
        if self.dates == "day":
            return text[:10]
        return text if self.dates == "seconds" else f"{text}.{moment % 1000:03d}Z"

    def respelled(self, field: str, spelling: str) -> "RequestFormat":
        """The same with another spelling of the filter `user_ids` or `channel_user_ids`."""
        return replace(self, user_ids=spelling) if field == "user_ids" else replace(self, channel_user_ids=spelling)

    def key(self, field: str) -> str:
        """How this format spells the filter of a field of the configuration."""
        return str(getattr(self, field)) if field in ("user_ids", "channel_user_ids") else SPELLINGS[field][0]

    def __str__(self) -> str:
        written = f"dates to the {self.dates.rstrip('s')}, numbers as {'integers' if self.integers else 'text'}"
        return f"{written}, dateTo in the past" if self.until_now else written


FIRST = RequestFormat()


def limit_named_in(words: str) -> int | None:
    """The largest `limit` that the vendor's words in a refusal name."""
    said = re.search(r"limit\D{0,60}?(\d{1,5})", words, re.I)
    return int(said[1]) if said else None


def speaks_of_a_format(words: str) -> bool:
    """Whether the vendor's words in a refusal are about how something is written, or about the future."""
    return bool(re.search("string|integer|number|format|yyyy|future", words, re.I))


def formats_after(
    refused: RequestFormat, words: str, in_future: bool, chosen: Mapping[str, Any]
) -> Iterator[RequestFormat]:
    """All formats, the fewest changes from the first format first; what the vendor's words hint at before the rest.

    `in_future`: the refused request's `dateTo` lay ahead of now. `chosen`: the filters of the configuration.
    """
    said = words.lower()
    hints = {
        "until_now": "future" in said or "dateto" in said,
        "dates": "date" in said or "format" in said or "yyyy" in said,
        "integers": bool(re.search("string|integer|number|limit|skip", said)),
        "user_ids": "userid" in said,
        "channel_user_ids": "channelu" in said,
    }
    choices: dict[str, tuple[Any, ...]] = {
        "until_now": (False, True) if in_future or refused.until_now else (False,),
        "dates": ("milliseconds", "day", "seconds"),
        "integers": (False, True),
        **{
            field: SPELLINGS[field] if field in chosen else (getattr(refused, field),)
            for field in ("user_ids", "channel_user_ids")
        },
    }
    ranked = []
    for values in product(*choices.values()):
        candidate = RequestFormat(**dict(zip(choices, values, strict=True)))
        changed = [f.name for f in fields(candidate) if getattr(candidate, f.name) != getattr(FIRST, f.name)]
        order = [(list(choices).index(name), choices[name].index(getattr(candidate, name))) for name in changed]
        hinted = sum(hints[name] for name in changed)
        ranked.append((len(changed) - hinted, len(changed), order, candidate))
    ranked.sort(key=lambda item: item[:3])
    return (candidate for *_, candidate in ranked)
