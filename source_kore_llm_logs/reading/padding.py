"""How far beyond a window a request reaches, and how a server proves that less is enough.

Which date the vendor filters, whether a bound is inclusive and whether the time of day counts is not known [U], so a
request is padded by a whole day at both ends. For a busy bot that is read every hour, those days are nearly all that
is read. A server can prove that it needs none of them: asked for the two seconds around a call that it has just shown,
it gives that call only if neither bound is cut to its day and then excluded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from source_kore_llm_logs.reading.request_format import Form

LONGEST_CALL = timedelta(hours=1)
"""A call that began up to so long before a window and ended in it is found, where the filter looks at the start."""
QUARTER_OF_AN_HOUR = 900
"""Seconds. Every time zone's midnight falls on one."""


@dataclass(frozen=True)
class Padding:
    """What a request reaches beyond its window."""

    before: timedelta
    after: timedelta

    @property
    def length(self) -> timedelta:
        return self.before + self.after


FULL = Padding(before=LONGEST_CALL + timedelta(days=1), after=timedelta(days=1))
NARROW = Padding(before=LONGEST_CALL, after=timedelta(seconds=2))
"""Enough where bounds are proved: two seconds absorb a bound that is cut to the second, or excluded."""


@dataclass(frozen=True)
class Span:
    """The dates and the form of one pass over a window. No page of it differs, or `skip` would count other rows."""

    form: Form
    date_from: datetime
    date_to: datetime
    padding: Padding
    is_cut: bool
    """Whether `date_to` was cut to the present, because this server takes none in the future."""


def moment(iso: str) -> datetime:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ` as an aware UTC datetime."""
    return datetime.strptime(iso, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


def around_a_call(records: Iterable[Mapping[str, Any]]) -> tuple[datetime, datetime] | None:
    """`dateFrom` and `dateTo` around one of the records, with no midnight between them in any time zone."""
    for record in records:
        start, end = record["start_date"], record["end_date"]
        if start and end and start <= end:
            date_from, date_to = moment(start) - NARROW.after, moment(end) + NARROW.after
            if date_from.timestamp() // QUARTER_OF_AN_HOUR == date_to.timestamp() // QUARTER_OF_AN_HOUR:
                return date_from, date_to
    return None
