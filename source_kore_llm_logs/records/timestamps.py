"""Dates as the API may send them, and as records hold them: UTC, to the millisecond."""

import math
import re
from datetime import datetime, timezone
from typing import Any

import pendulum

MISFIT = object()
"""The answer of a converter to a value that does not fit its column."""


def iso_ms(moment: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ`; the order of such texts is the order of the instants."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def instant(value: Any) -> Any:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ` from ISO 8601 in any form, or from epoch seconds or milliseconds; in UTC."""
    if isinstance(value, str):
        if len(value) == 24 and value[10] == "T" and value[23] == "Z" and value[19] == ".":
            try:
                datetime.fromisoformat(value[:23])
            except ValueError:
                return MISFIT
            return value
        value = value.strip()
        if not value:
            return None
        if re.fullmatch(r"\d{10}|\d{13}", value):
            value = int(value)
        elif re.match(r"\d{4}-\d{2}-\d{2}", value):
            try:
                parsed = pendulum.parse(value, tz="UTC")
            except (ValueError, OverflowError):
                return MISFIT
            if not isinstance(parsed, datetime):
                return MISFIT
            return iso_ms(parsed.astimezone(timezone.utc))
        else:
            return MISFIT
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return MISFIT
    seconds = value / 1000 if abs(value) >= 1e11 else value
    try:
        return iso_ms(datetime.fromtimestamp(seconds, timezone.utc)) if seconds > 0 else MISFIT
    except (ValueError, OverflowError, OSError):
        return MISFIT


def moment(iso: str) -> datetime:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ` as an aware UTC datetime."""
    return datetime.strptime(iso, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


def milliseconds(iso: str) -> int:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ` as milliseconds since the epoch."""
    return round(moment(iso).timestamp() * 1000)
