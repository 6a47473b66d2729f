"""The dates of a request, as a reading understands them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from .reading import Reading
from .refusal import beyond, invalid

DAY_MS = 86_400_000
_UNIT_MS = {"ms": 1, "s": 1000, "minute": 60_000, "5min": 300_000, "hour": 3_600_000, "day": DAY_MS}
_PLAIN_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d)?(?:\.(\d{1,9}))?(Z|([+-]\d\d):?(\d\d))?"
)  # fmt: skip
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FORMS = {
    "date": "YYYY-MM-DD",
    "timestamp": "YYYY-MM-DDTHH:mm:ss.sssZ",
    "naive": "YYYY-MM-DDTHH:mm:ss",
    "zoned": "YYYY-MM-DDTHH:mm:ss.sssZ",
}


@dataclass(frozen=True)
class Moment:
    """One bound of a request: the instant that the server takes it for, and where the server cuts it.

    `form` is "date", "naive" or "zoned".
    """

    ms: int
    form: str
    zone_ms: int

    @property
    def day(self) -> int:
        """Its calendar day, counted from the epoch: of a plain date that date, of a time the day of UTC."""
        return (self.ms + (self.zone_ms if self.form == "date" else 0)) // DAY_MS

    def cut(self, reading: Reading) -> int:
        """The beginning of the unit of time that the instant lies in."""
        unit = _UNIT_MS[reading.precision]
        return (self.ms + self.zone_ms) // unit * unit - self.zone_ms

    def after(self, reading: Reading) -> int:
        """The end of that unit."""
        return self.cut(reading) + _UNIT_MS[reading.precision]


def parse_ms(text: object) -> int | None:
    """Milliseconds since the epoch of a date or ISO 8601 timestamp (UTC unless it says otherwise)."""
    parsed = _parse(text, 0, zone_counts=True)
    return parsed[0] if parsed else None


def moment(body: Mapping[str, Any], name: str, reading: Reading) -> Moment:
    """The bound that a body names; raises what a missing or unwanted date earns."""
    value = body.get(name)
    if value is None:
        raise invalid(reading, f"{name} is required")
    offset = reading.server_offset_minutes * 60_000
    is_plain = isinstance(value, str) and _PLAIN_DATE.fullmatch(value) is not None
    local = offset if is_plain or reading.server_zone_for != "plain" else 0
    parsed = _parse(value, local, zone_counts=reading.server_zone_for != "all")
    if parsed is None:
        raise invalid(reading, f"{name} should be in {_FORMS.get(reading.date_form, _FORMS['timestamp'])} format")
    ms, form = parsed
    wanted = reading.date_form
    if wanted not in ("any", form) and not (wanted == "timestamp" and form != "date"):
        raise beyond(reading.date_form_mode, reading, f"{name} should be in {_FORMS[wanted]} format")
    return Moment(ms, form, local if form == "date" else reading.utc_offset_minutes * 60_000)


def _parse(text: object, local_ms: int, *, zone_counts: bool) -> tuple[int, str] | None:
    """The instant and the form of a date; one without a zone is of the place `local_ms` east of Greenwich."""
    if not isinstance(text, str):
        return None
    is_plain = _PLAIN_DATE.fullmatch(text) is not None
    match = _TIMESTAMP.fullmatch(f"{text}T00:00" if is_plain else text)
    if not match:
        return None
    day, minutes, seconds, fraction, zone, offset_hours, offset_minutes = match.groups()
    try:
        wall = datetime.fromisoformat(f"{day}T{minutes}{seconds or ':00'}+00:00")
    except ValueError:
        return None
    ms = (wall - _EPOCH) // timedelta(milliseconds=1) + int((fraction or "0")[:3].ljust(3, "0"))
    if not zone or not zone_counts:
        ms -= local_ms
    elif offset_hours:
        minutes_east = abs(int(offset_hours)) * 60 + int(offset_minutes)
        ms -= minutes_east * 60_000 * (-1 if offset_hours.startswith("-") else 1)
    return ms, "date" if is_plain else "zoned" if zone else "naive"
