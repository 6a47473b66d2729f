"""What the log of a sync says of a bot is true, and a person can read it."""

import logging
import time
from dataclasses import replace

import pytest

from source_kore_llm_logs.reading.bot_log import BotLog
from source_kore_llm_logs.reading.calibration import ServerProfile
from source_kore_llm_logs.reading.fetch import Choice, Page, Row, Scope
from source_kore_llm_logs.reading.span import PADDING, WIDE_PADDING, Part
from source_kore_llm_logs.reading.wording import Wording
from source_kore_llm_logs.runtime.bot_report import BotReport

HOUR = 3_600_000
NOON = 1_715_774_400_000
"""2024-05-15T12:00:00Z."""
FILTERS = ["Channels (`channels`)", "Task ID (`task_id`)"]


def log_of(complete_until: int = NOON, parts: int = 1, again: int = 0) -> BotLog:
    """The last four hours before noon."""
    log = BotLog(lambda body: Page([], 2), lambda: NOON, Part(NOON - 4 * HOUR, NOON), Choice())
    log.complete_until, log.parts, log.parts_read_again = complete_until, parts, again
    return log


def report(records: int = 0, requests: int = 0, received: int = 0) -> BotReport:
    made = BotReport("st-1")
    made.records, made.requests, made.received = records, requests, received
    return made


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "airbyte")
    return caplog


def test_a_whole_bot(lines: pytest.LogCaptureFixture) -> None:
    report(records=117_700, requests=131, received=118_200).log_end(log_of(parts=3, again=1), False, [])
    report(records=1, requests=1, received=1).log_end(log_of(), False, FILTERS)
    span = "Bot st-1: 2024-05-15T08:00:00.000Z to 2024-05-15T12:00:00.000Z, complete:"
    assert lines.messages == [
        f"{span} 117,700 records in 131 requests, 118,200 rows received; 3 parts, 1 read more than once.",
        f"{span} 1 record in 1 request, 1 row received; 1 part, none read more than once.",
    ]
    assert {record.levelno for record in lines.records} == {logging.INFO}


SCOPE, ROW = Scope(developer=True), Row("a", None, NOON, {})


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (ServerProfile(Wording(), 50, WIDE_PADDING, True, (SCOPE,)),
         "dates to the millisecond, numbers as text, no row seen"),
        (ServerProfile(Wording("seconds", True, offset=-19_800_000), 1_000, PADDING, True, (SCOPE,)),
         "dates without a zone (-5.5 h from UTC), numbers as integers, bounds exact to five minutes, "
         "up to 1,000 rows a page, asked for once"),
        (ServerProfile(Wording("day"), 1, WIDE_PADDING, False, (SCOPE, Scope(False, ("ivr",))), (ROW,)),
         "plain dates, numbers as text, bounds not proved, up to 1 row a page, "
         "asked for in 2 ways (developers apart, channels by name)"),
    ],
)  # fmt: skip
def test_how_a_server_answers_is_a_sentence(lines: pytest.LogCaptureFixture, profile: ServerProfile, said: str) -> None:
    log, made = log_of(), report()
    for log.profile in (None, profile, replace(profile, rows=())):
        made.log_progress(log)
    assert lines.messages == [f"Bot st-1: the server answers with {said}."]


@pytest.mark.parametrize(
    ("has_failed", "level", "said"),
    [
        (False, logging.INFO, "complete to 2024-05-15T11:00:00.000Z, from where the next sync reads again:"),
        (True, logging.WARNING, "11:00:00.000Z, not read from there to 2024-05-15T12:00:00.000Z:"),
    ],
)
def test_a_bot_that_is_not_at_its_end_is_not_called_complete(
    lines: pytest.LogCaptureFixture, has_failed: bool, level: int, said: str
) -> None:
    report().log_end(log_of(NOON - HOUR), has_failed, FILTERS if has_failed else [])
    (line,) = lines.records
    assert line.levelno == level
    assert said in line.getMessage()


def test_what_somebody_may_want_to_look_into(lines: pytest.LogCaptureFixture) -> None:
    log, made = log_of(), report()
    rows = [Row("a", None, None, {}), Row("b", None, None, {}), Row("c", None, NOON + 1, {}), Row("d", None, NOON, {})]
    made.count(rows, NOON)
    made.count(rows[:1], NOON)
    made.repairs.update({"U+0000": 7, "U+0001": 1})
    made.log_end(log, False, FILTERS)
    assert lines.messages[1:] == [
        "Bot st-1: U+0000: 7 times (each reading of a row counts).",
        "Bot st-1: U+0001: 1 time (each reading of a row counts).",
        "Bot st-1: 2 rows had no date that can be read; kept with `start_date` and `end_date` null.",
        "Bot st-1: 1 row is dated ahead of now, to be read when that day has come.",
        "Bot st-1: no row matches the filters: check the spelling in Channels (`channels`), Task ID (`task_id`).",
    ]
    assert {record.levelno for record in lines.records[1:]} == {logging.WARNING}


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (1, ["09:00:00.000Z (25 %", ", about 3 minutes to go.", "09:00:00.000Z (25 %", ", about 6 minutes to go."]),
        (0, ["08:00:00.000Z (0 %", " 60 requests.", "08:00:00.000Z (0 %", " 60 requests."]),
    ],
)
def test_progress_is_a_line_a_minute(
    lines: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, hours: int, said: list[str]
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    made = report(records=52_000, requests=60)
    for _ in range(150):
        made.log_progress(log_of(NOON - 4 * HOUR + hours * HOUR))
        clock[0] += 1
    assert len(lines.messages) == 2
    for line, begin, end in zip(lines.messages, said[::2], said[1::2], strict=True):
        assert line.startswith(f"Bot st-1: read to 2024-05-15T{begin} of the period), 52,000 records, 60 requests")
        assert line.endswith(end)
