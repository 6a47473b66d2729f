"""Dates as the API may send them, and as records hold them: `YYYY-MM-DDTHH:MM:SS.mmmZ`, UTC to the millisecond."""

import re
import time
from datetime import datetime, timedelta, timezone
from typing import Any

import pendulum

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
AS_WRITTEN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
EPOCH_TEXT = re.compile(r"[0-9]{10}(\.[0-9]+)?|[0-9]{13}(\.[0-9]+)?")
DATE_FIRST = re.compile(
    r"""
    ([0-9]{4})[-/]([0-9]{2})[-/]([0-9]{2})
    (?:[T,\s]+([0-9.,:]+?)\s*(?:([ap])\.?m\.?)?)?               # the time of day, before or after noon
    \s*(?:(Z|[-+][0-9:]+)|UTC|GMT)?(?:\[[A-Z0-9_/+-]+\])?       # an offset, the name of its zone
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


def now() -> datetime:
    """The present moment in UTC, by the clock of this machine."""
    return datetime.fromtimestamp(time.time(), timezone.utc)


def iso_ms(moment: datetime) -> str:
    """A moment in UTC as records hold it; the order of such texts is the order of the moments."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def moment(iso: str) -> datetime:
    """The moment that `iso_ms` wrote. Raises ValueError for none."""
    return datetime.fromisoformat(iso[:-1]).replace(tzinfo=timezone.utc)


def milliseconds(iso: str) -> int:
    """What `iso_ms` wrote as milliseconds since the epoch."""
    return (moment(iso) - EPOCH) // timedelta(milliseconds=1)


def iso_of(milliseconds: int) -> str:
    """Milliseconds since the epoch as `iso_ms` writes them."""
    return iso_ms(EPOCH + timedelta(milliseconds=milliseconds))


def instant(value: Any) -> Any:
    """A date as records hold it from ISO 8601 in any form, from what is nearly that (`Z[UTC]`, ` UTC`, slashes, am and
    pm), or from epoch seconds or milliseconds.

    None for what is no date, tells the month first or the day, or lies outside the years 1 to 9999 in UTC.
    """
    try:
        if isinstance(value, str):
            value = value.strip()
            if AS_WRITTEN.fullmatch(value):  # As nearly every date comes: pendulum takes thirty times as long.
                datetime.fromisoformat(value[:-1])
                return value
            if not EPOCH_TEXT.fullmatch(value):
                return iso_ms(_parsed(value))
        seconds = 0 if isinstance(value, bool) else float(value)
        seconds = seconds / 1000 if seconds >= 1e11 else seconds
        return iso_ms(datetime.fromtimestamp(seconds, timezone.utc)) if seconds > 0 else None
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _parsed(text: str) -> datetime:
    found = DATE_FIRST.fullmatch(text)
    if found is None:
        raise ValueError(text)
    year, month, day, time_of_day, half, zone = found.groups("")
    if half:
        hour, minutes = time_of_day.split(":", 1)
        if not 1 <= int(hour) <= 12:
            raise ValueError(text)
        time_of_day = f"{int(hour) % 12 + (12 if half in 'pP' else 0):02}:{minutes}"
    if time_of_day:
        time_of_day = "T" + "0" * (time_of_day[1:2] == ":") + time_of_day
    parsed = pendulum.parse(f"{year}-{month}-{day}{time_of_day}{zone.upper()}", tz="UTC")
    if not isinstance(parsed, datetime):
        raise ValueError(text)
    return parsed.astimezone(timezone.utc)
