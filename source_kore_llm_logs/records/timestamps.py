"""Converts the API's dates, and the timestamps of records: `YYYY-MM-DDTHH:MM:SS.mmmZ`, always UTC."""

import re
import time
from datetime import datetime, timedelta, timezone
from typing import Any, cast

import pendulum

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
RECORD_FORMAT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
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
    """The current time in UTC, by the local clock."""
    return datetime.fromtimestamp(time.time(), timezone.utc)


def to_iso(utc: datetime) -> str:
    """A datetime in UTC as a record's timestamp. Timestamps sort as text in the order of time."""
    return utc.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def from_iso(iso: str) -> datetime:
    """The inverse of `to_iso`. Raises ValueError for any other text."""
    return datetime.fromisoformat(iso[:-1]).replace(tzinfo=timezone.utc)


def iso_to_ms(iso: str) -> int:
    """A record's timestamp as milliseconds since the epoch."""
    return (from_iso(iso) - EPOCH) // timedelta(milliseconds=1)


def ms_to_iso(milliseconds: int) -> str:
    """Milliseconds since the epoch as a record's timestamp."""
    return to_iso(EPOCH + timedelta(milliseconds=milliseconds))


def parse_date(value: Any) -> Any:
    """Converts a date of the API to a record's timestamp: any form of ISO 8601, variants of it (`Z[UTC]`, ` UTC`,
    slashes, am and pm), and epoch seconds or milliseconds. None for anything else, such as dates that begin with the
    day or the month, and outside the years 1 to 9999 in UTC."""
    try:
        if isinstance(value, str):
            value = value.strip()
            if RECORD_FORMAT.fullmatch(value):  # Nearly every date. Parsing with pendulum takes thirty times as long.
                datetime.fromisoformat(value[:-1])
                return value
            if not EPOCH_TEXT.fullmatch(value):
                return to_iso(_parsed(value))
        seconds = 0 if isinstance(value, bool) else float(value)
        seconds = seconds / 1000 if seconds >= 1e11 else seconds
        return to_iso(datetime.fromtimestamp(seconds, timezone.utc)) if seconds > 0 else None
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
    return cast(datetime, parsed).astimezone(timezone.utc)
