"""The two seconds around a call prove that bounds count, if no midnight of any time zone lies between them."""

from datetime import datetime, timezone

import pytest

from source_kore_llm_logs.reading.padding import FULL, NARROW, around_a_call


def call(start: str | None, end: str | None) -> dict[str, str | None]:
    day = "2024-03-08T"
    return {"start_date": start and f"{day}{start}Z", "end_date": end and f"{day}{end}Z"}


GOOD = call("06:38:54.008", "06:38:58.386")


def test_a_request_around_a_call_reaches_two_seconds_beyond_it() -> None:
    assert around_a_call([GOOD]) == (
        datetime(2024, 3, 8, 6, 38, 52, 8000, tzinfo=timezone.utc),
        datetime(2024, 3, 8, 6, 39, 0, 386000, tzinfo=timezone.utc),
    )


@pytest.mark.parametrize(
    "unfit",
    [
        call("18:29:58.000", "18:30:03.000"),  # Midnight in India.
        call("18:29:50.000", "18:29:58.500"),  # The two seconds reach into the next day there.
        call("00:00:01.000", "00:00:03.000"),  # The two seconds reach back into the day before.
        call("05:44:00.000", "05:46:00.000"),  # Some place's midnight could be at every quarter of an hour.
        call("06:38:58.386", "06:38:54.008"),
        call(None, "06:38:58.386"),
        call("06:38:54.008", None),
    ],
)
def test_a_call_that_would_prove_nothing_is_passed_over(unfit: dict[str, str | None]) -> None:
    assert around_a_call([unfit]) is None
    assert around_a_call([unfit, GOOD]) == around_a_call([GOOD])


def test_padding_that_nothing_has_proved_away_is_a_day_at_both_ends() -> None:
    assert FULL.before - NARROW.before == FULL.after
    assert FULL.after.days == 1
