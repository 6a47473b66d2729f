"""What the log of a sync says of a bot is true, and a person can read it."""

import logging
import time

import pytest

from source_kore_llm_logs.reading.bot_log import BotLog
from source_kore_llm_logs.reading.fetch import Choice, Page
from source_kore_llm_logs.reading.span import Part
from source_kore_llm_logs.runtime.bot_report import BotReport

HOUR = 3_600_000
NOON = 1_715_774_400_000
"""2024-05-15T12:00:00Z."""


def log_of(complete_until: int = NOON, received: int = 0, parts: int = 1, again: int = 0) -> BotLog:
    """The last four hours before noon."""
    log = BotLog(lambda body: Page([], 2), lambda: NOON, Part(NOON - 4 * HOUR, NOON), Choice())
    log.complete_until, log.received, log.parts, log.parts_read_again = complete_until, received, parts, again
    return log


def report(records: int = 0, requests: int = 0) -> BotReport:
    told = BotReport("st-1")
    told.records, told.requests = records, requests
    return told


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "airbyte")
    return caplog


def test_the_profile_is_a_sentence_about_the_bot(lines: pytest.LogCaptureFixture) -> None:
    report().log_profile("dates to the millisecond, numbers as text")
    assert lines.messages == ["Bot st-1: the server answers with dates to the millisecond, numbers as text."]


def test_a_whole_bot(lines: pytest.LogCaptureFixture) -> None:
    report(records=117_700, requests=131).log_end(log_of(received=118_200, parts=3, again=1), False, [])
    assert lines.messages == [
        "Bot st-1: 2024-05-15T08:00:00.000Z to 2024-05-15T12:00:00.000Z, complete: 117,700 records in 131 requests, "
        "118,200 rows received; 3 parts, 1 of them read more than once."
    ]
    assert lines.records[0].levelno == logging.INFO


def test_one_is_one_and_none_is_none(lines: pytest.LogCaptureFixture) -> None:
    report(records=1, requests=1).log_end(log_of(received=1), False, [])
    assert lines.messages[0].endswith(
        "complete: 1 record in 1 request, 1 row received; 1 part, none of them read more than once."
    )


def test_a_bot_whose_newest_rows_may_be_hidden_is_not_called_complete_to_the_end(
    lines: pytest.LogCaptureFixture,
) -> None:
    report().log_end(log_of(NOON - HOUR), False, [])
    assert "complete to 2024-05-15T11:00:00.000Z, from where the next sync reads again:" in lines.messages[0]


def test_a_bot_that_failed_is_a_warning_that_says_how_far_it_is_complete(lines: pytest.LogCaptureFixture) -> None:
    report().log_end(log_of(NOON - HOUR), True, ["Channels (`channels`)"])
    assert "complete to 2024-05-15T11:00:00.000Z, not read from there to 2024-05-15T12:00:00.000Z:" in lines.messages[0]
    assert [record.levelno for record in lines.records] == [logging.WARNING]


def test_filters_are_suspected_only_where_no_row_came_and_nothing_failed(lines: pytest.LogCaptureFixture) -> None:
    report().log_end(log_of(), False, ["Channels (`channels`)", "Task ID (`task_id`)"])
    told = "Bot st-1: no row matches the filters: check the spelling in Channels (`channels`), Task ID (`task_id`)."
    assert lines.messages[1:] == [told]
    lines.clear()
    report(records=1).log_end(log_of(), False, ["Channels (`channels`)"])
    report().log_end(log_of(), False, [])
    assert len(lines.messages) == 2


def test_what_somebody_may_want_to_look_into(lines: pytest.LogCaptureFixture) -> None:
    log, told = log_of(), report(records=5)
    log.undated, log.ahead = {"a", "b"}, {"c"}
    told.repairs["texts held U+0000"] = 7
    told.log_end(log, False, [])
    assert lines.messages[1:] == [
        "Bot st-1: 7 texts held U+0000.",
        "Bot st-1: 2 rows had no date that can be read; kept with `start_date` and `end_date` null.",
        "Bot st-1: 1 row is dated ahead of now, to be read when that day has come.",
    ]
    assert {record.levelno for record in lines.records[1:]} == {logging.WARNING}


def test_progress_is_a_line_a_minute(lines: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    told = report(records=52_000, requests=60)
    for _ in range(150):
        told.log_progress(log_of(NOON - 3 * HOUR))
        clock[0] += 1
    assert lines.messages == [
        "Bot st-1: read to 2024-05-15T09:00:00.000Z (25 % of the period), 52,000 records, 60 requests, "
        f"about {minutes} minutes to go."
        for minutes in (3, 6)
    ]


def test_before_the_first_part_is_read_nobody_knows_how_long_it_takes(
    lines: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    told = report(records=14_000, requests=1)
    clock[0] += 60
    told.log_progress(log_of(NOON - 4 * HOUR))
    assert lines.messages == [
        "Bot st-1: read to 2024-05-15T08:00:00.000Z (0 % of the period), 14,000 records, 1 request."
    ]
