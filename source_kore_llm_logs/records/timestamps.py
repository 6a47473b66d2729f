"""Dates as the API may send them, and as records hold them: UTC, to the millisecond."""

import re
import time
from datetime import datetime, timezone
from typing import Any

import pendulum

MISFIT = object()
"""The answer of a converter to a value that does not fit its column."""

EPOCH = re.compile(r"[0-9]{10}(\.[0-9]+)?|[0-9]{13}(\.[0-9]+)?")
DATE_FIRST = re.compile(
    r"""
    ([0-9]{4})[-/]([0-9]{2})[-/]([0-9]{2})
    (?:[T,\s]+([0-9.,:]+?)\s*(?:([ap])\.?m\.?)?)?
    \s*(?:(Z|[-+][0-9:]+)|UTC|GMT)?(?:\[[A-Z0-9_/+-]+\])?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
"""A date, the time of day, whether that is before noon or after, an offset, and the name of its zone."""

SENTINEL_YEARS = frozenset(["0001", "9999"])
"""Years of the dates that programs write for "none": the first and the last that most of them know."""


def now() -> datetime:
    """The present moment in UTC, by the clock of this machine."""
    return datetime.fromtimestamp(time.time(), timezone.utc)


def iso_ms(moment: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ` of a moment in UTC; the order of such texts is the order of the instants."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def is_sentinel(date: str | None) -> bool:
    """Whether a date, as `instant` gives it, stands for "none"."""
    return date is not None and date[:4] in SENTINEL_YEARS


def instant(value: Any) -> Any:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ` from ISO 8601 in any form, from what is nearly that (`Z[UTC]`, ` UTC`, slashes, am and
    pm), or from epoch seconds or milliseconds; in UTC.

    None for None and for an empty text, MISFIT for what is no date, tells the month first or the day, or lies outside
    the years 1 to 9999 in UTC.
    """
    if isinstance(value, str):
        if len(value) == 24 and value[10] == "T" and value[23] == "Z" and value[19] == "." and value[7] == "-":
            try:
                datetime.fromisoformat(value[:23])
            except ValueError:
                return MISFIT
            return value
        value = value.strip()
        if not value:
            return None
        if not EPOCH.fullmatch(value):
            return _parsed(value)
        value = float(value)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return MISFIT
    try:
        seconds = value / 1000 if abs(value) >= 1e11 else value
        return iso_ms(datetime.fromtimestamp(seconds, timezone.utc)) if seconds > 0 else MISFIT
    except (ValueError, OverflowError, OSError):  # NaN; an integer that is no double; a year beyond 9999
        return MISFIT


def _parsed(value: str) -> Any:
    found = DATE_FIRST.fullmatch(value)
    if found is None:
        return MISFIT
    year, month, day, time_of_day, half, zone = found.groups("")
    if half:
        hour, colon, rest = time_of_day.partition(":")
        if not colon or not hour.isdecimal() or not 1 <= int(hour) <= 12:
            return MISFIT
        time_of_day = f"{int(hour) % 12 + (12 if half in 'pP' else 0):02}:{rest}"
    if time_of_day:
        time_of_day = "T" + "0" * (time_of_day[1:2] == ":") + time_of_day
    try:
        parsed = pendulum.parse(f"{year}-{month}-{day}{time_of_day}{zone.upper()}", tz="UTC")
        # An offset of a day or more is refused only here, and the first and last hours overflow here.
        return iso_ms(parsed.astimezone(timezone.utc)) if isinstance(parsed, datetime) else MISFIT
    except (ValueError, OverflowError, TypeError):  # TypeError: what pendulum raises at `2026-11-25/17:00`.
        return MISFIT


def moment(iso: str) -> datetime:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ` as an aware UTC datetime."""
    return datetime.strptime(iso, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


def milliseconds(iso: str) -> int:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ` as milliseconds since the epoch."""
    whole = datetime.fromisoformat(iso[:19]).replace(tzinfo=timezone.utc)
    return int(whole.timestamp()) * 1000 + int(iso[20:23])


def iso_of(milliseconds: int) -> str:
    """Milliseconds since the epoch as `YYYY-MM-DDTHH:MM:SS.mmmZ`."""
    whole, part = divmod(milliseconds, 1000)
    return iso_ms(datetime.fromtimestamp(whole, timezone.utc).replace(microsecond=part * 1000))
