"""Dates in any form become UTC to the millisecond; what is no date never stops a bot."""

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from source_kore_llm_logs.records.timestamps import instant, iso_ms, iso_of, milliseconds

WRITTEN = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z", re.ASCII)


@pytest.mark.parametrize(
    ("read", "forms"),
    [
        ("2024-03-08T06:38:54.008Z",
         ["2024-03-08T06:38:54.008Z", "2024-03-08T06:38:54.008123Z", "2024-03-08T08:38:54.008+02:00", 1709879934008,
          "1709879934008", 1709879934.008, "1709879934.008", " 1709879934008.0 ", "2024-03-08T06:38:54.008 utc",
          "2024-03-08T06:38:54.008Z[UTC]", "2024-03-08T08:38:54.008+02:00[Europe/Helsinki]"]),
        ("2024-03-08T06:38:54.000Z",
         ["2024-03-08T06:38:54Z", "2024-03-08T06:38:54+00:00", "2024-03-08 06:38:54", 1709879934,
          "2024-03-08 06:38:54 UTC", "2024-03-08 06:38:54 GMT", "2024-03-08 06:38:54 Z", "2024-03-08 08:38:54 +0200",
          "2024-03-08 06:38:54 AM", "2024/03/08 06:38:54"]),
        ("2024-03-08T18:38:54.008Z", ["2024-03-08 6:38:54.008 pm"]),
        ("2024-03-08T00:05:00.000Z", ["2024-03-08, 12:05 a.m."]),
        ("2024-03-08T12:05:00.000Z", ["2024-03-08T12:05:00 P.M. UTC"]),
        ("2024-03-08T00:00:00.000Z", ["2024-03-08"]),
        ("0999-12-31T23:59:59.999Z", ["0999-12-31T23:59:59.999Z"]),
        ("0500-06-01T00:00:00.000Z", ["0500-06-01T00:00:00Z"]),
        ("0001-01-01T18:30:00.000Z", ["0001-01-02T00:00:00+05:30"]),
        (None,
         ["", None, "0001-01-01T00:00:00+05:30", "9999-12-31T23:59:59-05:00", "2026-11-25T17:00:00+24:00",
          "2026-11-25T17:00:00+99:99", "2026-11-25/17:00", "2026-02-30T00:00:00.000Z", "2026-11-25T25:00:00.000Z",
          "0000-01-01T00:00:00.000Z", "2026-W48-3T17:00:00.000Z", "yesterday", "2024-03-08 13:00:00 PM",
          "2024-03-08 0:00 AM", "2024-03-08 1.5:30 pm", "2024-03-08 :30 pm", "2024-03-08 , pm",
          "03/08/2024, 6:38:54 AM", "Fri, 08 Mar 2024 06:38:54 GMT", "2024-03-08T06:38:54Z[",
          "2024-03-08T06:38:54 PST", "10000-01-01T00:00:00Z", 1e300, 10**400, float("nan"), float("inf"), -1, True,
          [], {}]),
    ],
)  # fmt: skip
def test_dates_in_odd_forms_become_utc_with_a_year_of_four_digits_or_none(read: str | None, forms: list[Any]) -> None:
    assert [form for form in forms if instant(form) != read] == []


@given(
    st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),
    st.timedeltas(min_value=timedelta(hours=-23, minutes=-59), max_value=timedelta(hours=23, minutes=59)),
)
def test_an_instant_is_the_same_in_every_zone(moment: datetime, offset: timedelta) -> None:
    zone = timezone(timedelta(minutes=offset // timedelta(minutes=1)))
    local = moment.replace(tzinfo=timezone.utc).astimezone(zone)
    written = instant(local.isoformat())
    assert written == iso_ms(moment)
    assert WRITTEN.fullmatch(written)
    assert iso_of(milliseconds(written)) == written


LIKE_A_DATE = st.text("0123456789-:.,TZ+/W []apmPM\x1f", max_size=30)


@settings(max_examples=500)
@given(
    LIKE_A_DATE | LIKE_A_DATE.map(lambda rest: f"2026-11-25{rest}") | st.text(max_size=30) | st.floats() | st.integers()
)
def test_nothing_that_looks_like_a_date_breaks_the_reader(sent: Any) -> None:
    read = instant(sent)
    assert read is None or WRITTEN.fullmatch(read)
