"""Dates in any form become UTC to the millisecond; what is no date never stops a bot."""

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from source_kore_llm_logs.records.timestamps import iso_to_ms, ms_to_iso, parse_date, to_iso

WRITTEN = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z", re.ASCII)
DATES: dict[str, list[Any]] = json.loads((Path(__file__).parent / "fixtures" / "dates.json").read_text())
"""What is read, and the forms in which it is sent; "" is of what is no date."""


@pytest.mark.parametrize("read", DATES)
def test_dates_in_odd_forms_become_utc_with_a_year_of_four_digits_or_none(read: str) -> None:
    forms = DATES[read] + ([] if read else [10**400, float("nan"), float("inf")])
    assert [form for form in forms if parse_date(form) != (read or None)] == []


@given(
    st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),
    st.timedeltas(min_value=timedelta(hours=-23, minutes=-59), max_value=timedelta(hours=23, minutes=59)),
)
def test_an_instant_is_the_same_in_every_zone(moment: datetime, offset: timedelta) -> None:
    zone = timezone(timedelta(minutes=offset // timedelta(minutes=1)))
    local = moment.replace(tzinfo=timezone.utc).astimezone(zone)
    written = parse_date(local.isoformat())
    assert written == to_iso(moment)
    assert WRITTEN.fullmatch(written)
    assert ms_to_iso(iso_to_ms(written)) == written


LIKE_A_DATE = st.text("0123456789-:.,TZ+/W []apmPM\x1f", max_size=30)


@settings(max_examples=500)
@given(
    LIKE_A_DATE | LIKE_A_DATE.map(lambda rest: f"2026-11-25{rest}") | st.text(max_size=30) | st.floats() | st.integers()
)
def test_nothing_that_looks_like_a_date_breaks_the_reader(sent: Any) -> None:
    read = parse_date(sent)
    assert read is None or WRITTEN.fullmatch(read)
