"""*Now* is the earlier of the local clock and the server's, whatever a `Date` says."""

import logging
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from source_kore_llm_logs.api.clock import ServerClock

LOCAL = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def local_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", LOCAL.timestamp)


def behind(*dates: str | None) -> float:
    """Seconds by which *now* is behind the local clock after answers with these dates."""
    clock = ServerClock()
    for date in dates:
        clock.correct(date, LOCAL.timestamp())
    return LOCAL.timestamp() - clock.now() / 1000


def http(seconds_behind: float) -> str:
    return format_datetime(LOCAL - timedelta(seconds=seconds_behind), usegmt=True)


@pytest.mark.parametrize("seconds", [30, 600, 3 * 3600, 26 * 3600])
def test_the_clock_that_is_behind_counts(seconds: int) -> None:
    assert seconds - 1 <= behind(http(seconds)) <= seconds
    assert behind(http(0)) == behind(http(-seconds)) == behind(http(-9 * 365 * 86400)) == 0


@pytest.mark.parametrize(
    "date",
    [None, "", "yesterday", "Sun, 01 Mar", "Thu, 01 Jan 1970 00:00:00 GMT", "Mon, 01 Jan 2001 00:00:00 GMT",
     "Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 01 Jan 0001 00:00:00 +2359", "Fri, 31 Dec 2025 23:59:59 +" + "9" * 30],
)  # fmt: skip
def test_no_date_and_an_absurd_one_say_nothing(date: str | None) -> None:
    assert behind(date) == 0


def test_a_date_without_a_zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        assert 599 <= behind(http(600).replace("GMT", "-0000")) <= 600
    finally:
        monkeypatch.undo()
        time.tzset()


def test_of_several_servers_the_one_furthest_behind_counts_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "airbyte"):
        assert 699 <= behind(http(30), http(59), http(600), http(0), http(700), http(500)) <= 700
    assert caplog.messages == ["The clock of this machine is 10 min ahead of the server's, which counts."]
