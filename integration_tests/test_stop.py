"""A command that is told to end does so at once, at a whole line, and loses nothing."""

import os
import signal
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from integration_tests.command import CATALOG, arguments, read, stopped
from integration_tests.kore_emulator import Emulator, Reading, generate_rows
from source_kore_llm_logs.records.record import to_record

BOT = "st-alpha"


def emulator(reading: Reading) -> Emulator:
    now = datetime.now(timezone.utc)
    rows = generate_rows(BOT, now - timedelta(days=200), now - timedelta(minutes=5), 1000, seed=1)
    return Emulator({BOT: rows}, reading)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_read_that_is_told_to_end_does_so_at_a_whole_line_and_the_next_goes_on_from_its_last_state(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with emulator(Reading(max_page=20, latency_seconds=0.2)) as running:
        everything = {to_record(BOT, row)["id"] for row in running.rows(BOT)}
        config = running.config(window_days=30, num_workers=2)
        line = arguments("read", tmp_path, config=config, catalog=CATALOG)
        outcome, seconds = stopped(line, lambda pid: os.kill(pid, number), after="STATE")
        assert outcome.code == code
        assert seconds < 2
        assert outcome.stdout.endswith("\n")
        assert outcome.stderr == ""
        assert number.name in outcome.log
        assert 0 < len(outcome.ids) < len(everything)
        running.reading = Reading()
        rest = read(config, outcome.states[-1:])
        assert 0 < len(rest.ids) < len(everything)
        assert set(outcome.ids) | set(rest.ids) == everything


def test_a_read_that_waits_for_the_rate_limit_ends_at_once_too(tmp_path: Path) -> None:
    with emulator(Reading()) as running:
        config = running.config(requests_per_minute=4, window_days=30, num_workers=2)
        line = arguments("read", tmp_path, config=config, catalog=CATALOG)

        def stop(pid: int) -> None:
            time.sleep(1)
            os.kill(pid, signal.SIGTERM)

        outcome, seconds = stopped(line, stop, after="RECORD")
        assert len(running.requests) == 4
        assert outcome.code == 143
        assert seconds < 2
