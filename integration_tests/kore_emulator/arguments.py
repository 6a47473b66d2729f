"""What a request's body asks for, or the 412 it earns under a reading."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from .reading import Reading
from .refusal import RefusedError

DAY_MS = 86_400_000
_UNIT_MS = {"ms": 1, "s": 1000, "day": DAY_MS}
_PLAIN_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d)?(?:\.(\d{1,9}))?(?:Z|([+-]\d\d):?(\d\d))?"
)  # fmt: skip
_COLUMN_OF_FILTER = {
    "channel": "Channel Name",
    "featureName": "Feature Name ",
    "taskId": "task Id",
    "userIds": "User ID",
    "channelUserIds": "Channel User ID",
}


@dataclass(frozen=True)
class Query:
    """One page of one bot's log: rows whose time lies in [first_ms, after_ms), from `skip` on."""

    first_ms: int
    after_ms: int
    skip: int
    limit: int
    columns: tuple[tuple[str, frozenset[str]], ...] = ()
    developer: bool = True
    time_taken: str | None = None


def parse_ms(text: object) -> int | None:
    """Milliseconds since the epoch of a date or ISO 8601 timestamp (UTC unless it says otherwise)."""
    if not isinstance(text, str):
        return None
    if _PLAIN_DATE.fullmatch(text):
        text += "T00:00"
    match = _TIMESTAMP.fullmatch(text)
    if not match:
        return None
    day, minutes, seconds, fraction, offset_hours, offset_minutes = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{minutes}{seconds or ':00'}+00:00")
    except ValueError:
        return None
    ms = (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(milliseconds=1)
    ms += int((fraction or "0")[:3].ljust(3, "0"))
    if offset_hours:
        minutes_east = abs(int(offset_hours)) * 60 + int(offset_minutes)
        ms -= minutes_east * 60_000 * (-1 if offset_hours.startswith("-") else 1)
    return ms


def parse_query(body: Mapping[str, Any], reading: Reading) -> Query:
    """The page a body asks for; what the reading does not take raises a 412."""
    from_ms = _date(body, "dateFrom", reading)
    to_ms = _date(body, "dateTo", reading)
    limit = _number(body, "limit", reading)
    skip = _number(body, "skip", reading) if "skip" in body else 0
    if limit < 1:
        raise _invalid(reading, "limit should be greater than 0")
    if skip < 0:
        raise _invalid(reading, "skip should be greater than or equal to 0")
    ceiling = reading.page_ceiling_refused
    if ceiling is not None and limit > ceiling:
        raise _invalid(reading, f"limit should be less than or equal to {ceiling}")
    _check_skip(skip, reading)
    _check_span(from_ms, to_ms, reading)
    plain_to = bool(_PLAIN_DATE.fullmatch(body["dateTo"]))
    _check_future(to_ms, plain_to, reading)
    if plain_to and reading.plain_date_to == "end_of_day":
        to_ms += DAY_MS - 1

    # Cutting keeps order, so both bounds become one half-open range of whole units.
    unit, zone = _UNIT_MS[reading.precision], 0 if plain_to else reading.utc_offset_minutes * 60_000
    first = (from_ms + zone) // unit * unit - zone + (0 if reading.from_inclusive else unit)
    after = (to_ms + zone) // unit * unit - zone + (unit if reading.to_inclusive else 0)
    return Query(
        first,
        max(first, after),
        skip,
        min(limit, reading.max_page or limit),
        _column_filters(body),
        body.get("isDeveloper") is not False,
        _time_taken_order(body.get("sort"), reading),
    )


def _date(body: Mapping[str, Any], name: str, reading: Reading) -> int:
    value = body.get(name)
    if value is None:
        raise _invalid(reading, f"{name} is required")
    plain = isinstance(value, str) and _PLAIN_DATE.fullmatch(value) is not None
    if reading.date_form == "date" and not plain:
        raise _invalid(reading, f"{name} should be in YYYY-MM-DD format")
    ms = parse_ms(value)
    if ms is None or (reading.date_form == "timestamp" and plain):
        raise _invalid(reading, f"{name} should be in YYYY-MM-DDTHH:mm:ss.sssZ format")
    return ms


def _number(body: Mapping[str, Any], name: str, reading: Reading) -> int:
    value = body.get(name)
    if value is None:
        raise _invalid(reading, f"{name} is required")
    is_string, is_integer = isinstance(value, str), isinstance(value, int) and not isinstance(value, bool)
    if reading.limit_type == "string" and not is_string:
        raise _invalid(reading, f"{name} should be a string")
    if reading.limit_type == "integer" and not is_integer:
        raise _invalid(reading, f"{name} should be an integer")
    if not is_integer and not (is_string and re.fullmatch(r"-?[0-9]{1,12}", value)):
        raise _invalid(reading, f"{name} should be a number")
    return int(value)


def _check_skip(skip: int, reading: Reading) -> None:
    ceiling = reading.skip_ceiling
    if ceiling is None or skip <= ceiling:
        return
    if reading.skip_ceiling_mode == "refuse":
        raise _invalid(reading, f"skip should be less than or equal to {ceiling}")
    if reading.skip_ceiling_mode == "error":
        raise RefusedError(500, "Internal server error", code=5000)


def _check_span(from_ms: int, to_ms: int, reading: Reading) -> None:
    if from_ms > to_ms:
        raise _invalid(reading, "dateFrom should be less than or equal to dateTo")
    if reading.max_span_days is None:
        return
    if reading.span_counting == "calendar_days":
        too_long = to_ms // DAY_MS - from_ms // DAY_MS + 1 > reading.max_span_days
    else:
        too_long = to_ms - from_ms > reading.max_span_days * DAY_MS
    if too_long:
        raise _invalid(reading, f"date range should be less than or equal to {reading.max_span_days} days")


def _check_future(to_ms: int, plain: bool, reading: Reading) -> None:
    now_ms = int(time.time() * 1000)
    future = to_ms // DAY_MS > now_ms // DAY_MS if plain else to_ms > now_ms
    if future and reading.future_date_to == "refuse":
        raise _invalid(reading, "dateTo cannot be in the future")


def _column_filters(body: Mapping[str, Any]) -> tuple[tuple[str, frozenset[str]], ...]:
    filters = []
    for name, column in _COLUMN_OF_FILTER.items():
        wanted = body.get(name) or []
        values = [wanted] if isinstance(wanted, str) else wanted
        if values:
            filters.append((column, frozenset(str(value) for value in values)))
    return tuple(filters)


def _time_taken_order(sort: object, reading: Reading) -> str | None:
    if sort is None:
        return None
    if not isinstance(sort, dict) or sort.get("field") != "Time Taken":
        raise _invalid(reading, "sort field should be one of [Time Taken]")
    if sort.get("order", "asc") not in ("asc", "desc"):
        raise _invalid(reading, "sort order should be one of [asc, desc]")
    return str(sort.get("order", "asc"))


def invalid_body(reading: Reading) -> RefusedError:
    """A body that is no JSON object."""
    return _invalid(reading, "body should be a JSON object")


def _invalid(reading: Reading, hint: str) -> RefusedError:
    message = "Validation errors/ Invalid arguments"
    return RefusedError(412, f"{message}: {hint}" if reading.hint_in_412 else message)
