"""A bot's log counts what is read of it, names its bot in faults, and tells how it ended."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from airbyte_cdk.models import FailureType

from source_kore_llm_logs.errors import Fault
from source_kore_llm_logs.reading.part import Part
from source_kore_llm_logs.reading.planner import SIDE_BY_SIDE, Planner
from source_kore_llm_logs.runtime import log_of_bot
from source_kore_llm_logs.runtime.log_of_bot import QUICK_PAGE_SECONDS, LogOfBot
from source_kore_llm_logs.runtime.sync_report import SyncReport
from unit_tests.simulated_answer import SimulatedError
from unit_tests.simulated_behaviour import DAY, SECOND
from unit_tests.simulated_server import Scenario
from unit_tests.small_scenario import NOON, bot_of, row, rows, scenario


def log_of(told: Scenario, page_size: int | None = None) -> LogOfBot:
    bot, _ = bot_of(told, page_size)
    return LogOfBot(bot, Planner(Part(told.start, told.after)), SyncReport())


def read(log: LogOfBot) -> int:
    """How many pages came."""
    planned = log.planner.take()
    assert planned is not None
    return sum(row is None for row in log.rows(planned))


def test_a_report_knows_the_logs_that_are_read() -> None:
    report = SyncReport()
    told = scenario([])
    log = LogOfBot(bot_of(told)[0], Planner(Part(told.start, told.after)), report)
    assert report.logs == [log]


def test_records_are_counted_page_by_page_and_the_log_is_done_when_its_parts_are() -> None:
    log = log_of(scenario(rows(7)), page_size=3)
    assert not log.is_done
    planned = log.planner.take()
    assert planned is not None
    given: Iterator[Any] = log.rows(planned)
    while next(given) is not None:
        pass
    next(given)
    assert log.records == 3
    list(given)
    assert log.records == 7
    assert log.is_done
    assert not log.has_failed


def test_what_cannot_be_read_is_a_fault_that_names_the_bot() -> None:
    log = log_of(scenario(rows(9), skip="ignored", page_rows=1))
    with pytest.raises(Fault, match=r"Bot st: the API ignores `skip`.*again\.") as raised:
        read(log)
    assert raised.value.failure_type is FailureType.config_error
    assert log.has_failed
    assert log.is_done


def test_a_log_that_moves_too_much_is_a_transient_fault() -> None:
    log = log_of(scenario([row(number, NOON) for number in range(80)], skip_ceiling=50))
    with pytest.raises(Fault, match=r"Bot st: .*read again at the next sync") as raised:
        read(log)
    assert raised.value.failure_type is FailureType.transient_error


def test_any_other_fault_passes_as_it_is_and_ends_the_log() -> None:
    log = log_of(scenario(rows(3), down=True))
    with pytest.raises(SimulatedError):
        read(log)
    assert log.is_done


def test_a_part_ends_at_the_next_page_when_another_part_has_failed_and_is_not_read() -> None:
    log = log_of(scenario(rows(9)), page_size=2)
    planned = log.planner.take()
    assert planned is not None
    given = log.rows(planned)
    next(given)
    log.has_failed = True
    assert list(given).count(None) == 0
    assert log.planner.reached == NOON - 3600 * SECOND
    assert log.planner.parts_read == 0


@pytest.mark.parametrize(
    ("seconds", "requests_a_second", "parts"),
    [
        (0.0, 1.0, 1),
        (QUICK_PAGE_SECONDS - 0.01, 100.0, 1),
        (QUICK_PAGE_SECONDS, 1.0, 2),
        (1.0, 1.0, 3),
        (2.5, 1.0, SIDE_BY_SIDE),
        (100.0, 1.0, SIDE_BY_SIDE),
    ],
)
def test_slow_servers_are_asked_for_more_parts_at_once_up_to_four(
    seconds: float, requests_a_second: float, parts: int
) -> None:
    log = log_of(scenario([]))
    log.bot.seconds_a_page = seconds
    assert log.parts_at_once(requests_a_second) == parts


def test_a_long_read_tells_where_it_is(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(log_of_bot, "SECONDS_BETWEEN_LINES", -1.0)
    told = scenario(rows(6), start=NOON - 200 * DAY, after=NOON + DAY)
    log = log_of(told, page_size=3)
    with caplog.at_level(logging.INFO, "airbyte"):
        while not log.is_done:
            read(log)
    lines = [record.getMessage() for record in caplog.records if "of its time" in record.getMessage()]
    assert lines[0].startswith("Bot st: read to 2023-10-28T12:00:00.000Z, 0 % of its time; 0 records")
    assert "minutes to go" not in lines[0]
    assert "42 % of its time" in " ".join(lines)
    assert "minutes to go" in lines[-1]


def test_no_more_than_a_line_a_minute_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "airbyte"):
        read(log_of(scenario(rows(6)), page_size=3))
    assert "of its time" not in caplog.text


def test_the_end_tells_what_was_read(caplog: pytest.LogCaptureFixture) -> None:
    log = log_of(scenario(rows(6)))
    read(log)
    with caplog.at_level(logging.INFO, "airbyte"):
        log.tell_end()
    (line,) = caplog.records
    assert line.levelno == logging.INFO
    assert line.getMessage().startswith(
        "Bot st: 2024-05-15T11:00:00.000Z to 2024-05-16T00:00:00.000Z, settled: 1 parts, "
    )
    assert "6 rows received, 0 repeated, 6 records; bounds padded by a day and more." in line.getMessage()


@pytest.mark.parametrize(
    ("has_failed", "level", "words"),
    [
        (True, logging.WARNING, "not read from there to 2024-05-16T00:00:00.000Z"),
        (False, logging.INFO, "settled, and asked for again from 2024-05-15T11:00:00.000Z on by the next sync: "),
    ],
)
def test_the_end_tells_what_was_not_read(
    has_failed: bool, level: int, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    log = log_of(scenario([]))
    log.has_failed = has_failed
    with caplog.at_level(logging.INFO, "airbyte"):
        log.tell_end()
    (line,) = caplog.records
    assert line.levelno == level
    assert words in line.getMessage()
