"""The end of a sync tells what somebody may want to look into."""

import logging
from typing import Any

import pytest

from source_kore_llm_logs.reading.part import Part
from source_kore_llm_logs.reading.planner import Planner
from source_kore_llm_logs.runtime.log_of_bot import LogOfBot
from source_kore_llm_logs.runtime.sync_report import SyncReport, current_report, is_sync, sync_report
from unit_tests.simulated_behaviour import HOUR, LogRow
from unit_tests.small_scenario import NOON, bot_of, row, scenario


def summary(
    caplog: pytest.LogCaptureFixture, log: list[LogRow], filters: dict[str, Any], has_failed: bool = False
) -> str:
    report, told = SyncReport(), scenario(log, after=NOON + HOUR, now=NOON + HOUR)
    one = LogOfBot(bot_of(told)[0], Planner(Part(told.start, told.after)), report)
    planned = one.planner.take()
    assert planned is not None
    list(one.rows(planned))
    one.has_failed = has_failed
    report.repairs["dates were mended"] += 3
    with caplog.at_level(logging.INFO, "airbyte"):
        report.summary(filters)
    return caplog.text


def test_each_bot_and_each_repair_is_told(caplog: pytest.LogCaptureFixture) -> None:
    text = summary(caplog, [row(1)], {})
    assert "Bot st: " in text
    assert "3 dates were mended." in text
    assert "no date" not in text
    assert "ahead of now" not in text


def test_rows_without_a_date_and_rows_dated_ahead_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    ahead = [row(100 + number, NOON + (2 + number) * HOUR) for number in range(2)]
    text = summary(caplog, [LogRow("u", None, None, NOON), *ahead], {})
    assert "1 rows had no date" in text
    assert "2 rows are dated ahead of now" in text


@pytest.mark.parametrize(
    ("log", "filters", "has_failed", "is_told"),
    [
        ([], {"channels": ["ivr"], "task_id": None}, False, True),
        ([row(1)], {"channels": ["ivr"]}, False, False),
        ([], {"channels": []}, False, False),
        ([], {"channels": ["ivr"]}, True, False),
    ],
)
def test_filters_that_no_row_matched_are_named(
    caplog: pytest.LogCaptureFixture, log: list[LogRow], filters: dict[str, Any], has_failed: bool, is_told: bool
) -> None:
    text = summary(caplog, log, filters, has_failed)
    assert ("No row at all matches the filters" in text) is is_told
    assert not is_told or ("`channels`" in text and "`task_id`" not in text)


def test_a_sync_without_bots_says_nothing_of_filters(caplog: pytest.LogCaptureFixture) -> None:
    SyncReport().summary({"channels": ["ivr"]})
    assert caplog.text == ""


def test_there_is_one_report_inside_a_sync_and_none_that_anybody_reads_outside() -> None:
    assert not is_sync()
    assert current_report() is not current_report()
    with sync_report() as report:
        assert is_sync()
        assert current_report() is report
    assert not is_sync()


def test_nothing_is_held_back_outside_a_sync() -> None:
    assert current_report().backpressure._most_bytes == float("inf")
