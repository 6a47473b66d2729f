"""What a request's body asks for, or what it earns instead under a reading."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .dates import DAY_MS, Moment, moment, parse_ms
from .filters import EVERYTHING, Selection, selection
from .reading import Reading
from .refusal import NoRowsError, RefusedError, beyond, invalid

__all__ = ["DAY_MS", "Query", "invalid_body", "parse_ms", "parse_query"]


@dataclass(frozen=True)
class Query:
    """One page of one bot's log: rows whose time lies in [first_ms, after_ms), from `skip` on."""

    first_ms: int
    after_ms: int
    skip: int
    limit: int
    selection: Selection = EVERYTHING
    time_taken: str | None = None


def parse_query(body: Mapping[str, Any], reading: Reading) -> Query:
    """The page a body asks for. Raises `RefusedError` or `NoRowsError` for what the reading does not take."""
    selected = selection(body, reading)
    from_, to = moment(body, "dateFrom", reading), moment(body, "dateTo", reading)
    limit = _number(body, "limit", reading)
    skip = _number(body, "skip", reading) if "skip" in body else 0
    _check_page(skip, limit, reading)
    from_, to = _span(from_, to, reading)
    to = _not_in_the_future(to, reading)
    if to.form == "date" and reading.plain_date_to == "end_of_day":
        to = Moment(to.ms + DAY_MS - 1, to.form, to.zone_ms)

    # Cutting keeps order, so both bounds become one half-open range of whole units.
    first = from_.cut(reading) if reading.from_inclusive else from_.after(reading)
    after = to.after(reading) if reading.to_inclusive else to.cut(reading)
    return Query(
        first,
        max(first, after),
        skip if reading.skip_held_at is None else min(skip, reading.skip_held_at),
        limit if reading.max_page is None else min(limit, reading.max_page),
        selected,
        _time_taken_order(body.get("sort"), reading),
    )


def _number(body: Mapping[str, Any], name: str, reading: Reading) -> int:
    value = body.get(name)
    if value is None:
        raise invalid(reading, f"{name} is required")
    is_string, is_integer = isinstance(value, str), isinstance(value, int) and not isinstance(value, bool)
    if reading.limit_type == "string" and not is_string:
        raise invalid(reading, f"{name} should be a string")
    if reading.limit_type == "integer" and not is_integer:
        raise invalid(reading, f"{name} should be an integer")
    if not is_integer and not (is_string and re.fullmatch(r"-?[0-9]{1,12}", value)):
        raise invalid(reading, f"{name} should be a number")
    return int(value)


def _check_page(skip: int, limit: int, reading: Reading) -> None:
    if limit < 1:
        raise invalid(reading, "limit should be greater than 0")
    if skip < 0:
        raise invalid(reading, "skip should be greater than or equal to 0")
    refused, empty = reading.page_ceiling_refused, reading.page_ceiling_empty
    if refused is not None and limit > refused:
        raise invalid(reading, f"limit should be less than or equal to {refused}")
    if empty is not None and limit > empty:
        raise NoRowsError
    for name, value, ceiling in (
        ("skip", skip, reading.skip_ceiling),
        ("skip + limit", skip + limit, reading.reach_ceiling),
    ):
        if ceiling is not None and value > ceiling:
            raise beyond(reading.skip_ceiling_mode, reading, f"{name} should be less than or equal to {ceiling}")


def _span(from_: Moment, to: Moment, reading: Reading) -> tuple[Moment, Moment]:
    if from_.ms > to.ms:
        raise invalid(reading, "dateFrom should be less than or equal to dateTo")
    days = reading.max_span_days
    if days is None:
        return from_, to
    if reading.span_counting == "calendar_days":
        too_long = to.day - from_.day + 1 > days
    else:
        too_long = to.ms - from_.ms > days * DAY_MS
    if too_long and reading.span_mode == "refuse":
        raise invalid(reading, f"date range should be less than or equal to {days} days")
    if too_long and reading.span_mode == "cut_start":
        return Moment(to.ms - days * DAY_MS, from_.form, from_.zone_ms), to
    if too_long:
        return from_, Moment(from_.ms + days * DAY_MS, to.form, to.zone_ms)
    return from_, to


def _not_in_the_future(to: Moment, reading: Reading) -> Moment:
    now_ms = int(time.time() * 1000)
    future = to.day > (now_ms + to.zone_ms) // DAY_MS if to.form == "date" else to.ms > now_ms
    if not future or reading.future_date_to == "accept":
        return to
    if reading.future_date_to == "now":
        return Moment(now_ms, to.form, to.zone_ms)
    raise beyond(reading.future_date_to, reading, "dateTo cannot be in the future")


def _time_taken_order(sort: object, reading: Reading) -> str | None:
    if sort is None:
        return None
    if not isinstance(sort, dict) or sort.get("field") != "Time Taken":
        raise invalid(reading, "sort field should be one of [Time Taken]")
    if sort.get("order", "asc") not in ("asc", "desc"):
        raise invalid(reading, "sort order should be one of [asc, desc]")
    return str(sort.get("order", "asc"))


def invalid_body(reading: Reading) -> RefusedError:
    """A body that is no JSON object."""
    return invalid(reading, "body should be a JSON object")
