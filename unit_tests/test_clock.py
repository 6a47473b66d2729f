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


def behind(clock: ServerClock) -> float:
    """Seconds by which *now* is behind the local clock."""
    return LOCAL.timestamp() - clock.now() / 1000


def heard(*dates: str | None) -> ServerClock:
    clock = ServerClock()
    for date in dates:
        clock.correct(date, LOCAL.timestamp())
    return clock


def http(seconds_behind: float) -> str:
    return format_datetime(LOCAL - timedelta(seconds=seconds_behind), usegmt=True)


@pytest.mark.parametrize("seconds", [30, 600, 3 * 3600, 26 * 3600])
def test_where_the_local_clock_is_ahead_the_servers_counts(seconds: int) -> None:
    assert seconds - 1 <= behind(heard(http(seconds))) <= seconds


@pytest.mark.parametrize("seconds", [0, 30, 600, 3 * 3600, 9 * 365 * 86400])
def test_where_the_local_clock_is_behind_it_counts(seconds: int) -> None:
    assert behind(heard(http(-seconds))) == 0


@pytest.mark.parametrize(
    "date",
    [None, "", "yesterday", "Sun, 01 Mar", "Thu, 01 Jan 1970 00:00:00 GMT", "Mon, 01 Jan 2001 00:00:00 GMT",
     "Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 01 Jan 0001 00:00:00 +2359", "Fri, 31 Dec 2025 23:59:59 +" + "9" * 30],
)  # fmt: skip
def test_no_date_and_an_absurd_one_say_nothing(date: str | None) -> None:
    assert behind(heard(date)) == 0


def test_a_date_without_a_zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        assert 599 <= behind(heard(http(600).replace("GMT", "-0000"))) <= 600
    finally:
        monkeypatch.undo()
        time.tzset()


def test_of_several_servers_the_one_that_is_furthest_behind_counts_and_one_line_tells_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "airbyte"):
        clock = heard(http(30), http(600), http(0), http(700), http(500))
    assert 699 <= behind(clock) <= 700
    (line,) = caplog.messages
    assert line == "The clock of this machine is 599 s ahead of the server's, which counts."


def test_less_than_a_minute_is_not_worth_a_line(caplog: pytest.LogCaptureFixture) -> None:
    heard(http(59))
    assert caplog.messages == []
