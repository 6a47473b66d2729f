"""A command that is told to end does so by that signal, at a whole line, whatever it waits for, and loses nothing."""

import fcntl
import os
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import IO

import pytest

from benchmarks.emulator_process import emulator as even_emulator
from integration_tests.command import CATALOG, arguments, read, stopped
from integration_tests.kore_emulator import NOW, Emulator, Reading, generate_rows
from source_kore_llm_logs.records.record import to_record

BOT = "st-alpha"
SIGNALS = [signal.SIGTERM, signal.SIGINT]


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Whoever runs the tests in the background ignores SIGINT, and so would the command."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def emulator(reading: Reading) -> Emulator:
    now = NOW
    rows = generate_rows(BOT, now - timedelta(days=200), now - timedelta(minutes=5), 1000, seed=1)
    return Emulator({BOT: rows}, reading)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_read_that_is_told_to_end_does_so_at_a_whole_line_and_the_next_goes_on_from_its_last_state(
    tmp_path: Path, number: signal.Signals
) -> None:
    with emulator(Reading(largest_limit=20, latency_seconds=0.2)) as running:
        everything = {to_record(BOT, row)["id"] for row in running.rows(BOT)}
        config = running.config(window_days=30, num_workers=2)
        line = arguments("read", tmp_path, config=config, catalog=CATALOG)
        outcome = stopped(line, lambda pid: os.kill(pid, number), after='"type":"STATE"')
        assert outcome.code == -number
        assert outcome.stdout.endswith("\n")
        assert outcome.stderr == ""
        assert outcome.messages[-1]["log"]["message"].startswith(f"Ended by {number.name}.")
        assert 0 < len(outcome.ids) < len(everything)
        running.reading = Reading()
        rest = read(config, outcome.states[-1:])
        assert 0 < len(rest.ids) < len(everything)
        assert set(outcome.ids) | set(rest.ids) == everything


def test_a_read_that_waits_for_the_rate_limit_ends_too(tmp_path: Path) -> None:
    with emulator(Reading()) as running:
        config = running.config(requests_per_minute=6, window_days=30, num_workers=2)
        line = arguments("read", tmp_path, config=config, catalog=CATALOG)
        outcome = stopped(line, lambda pid: os.kill(pid, signal.SIGTERM), after=" are used up, waiting")
        assert len(running.requests) == 6
        assert outcome.code == -signal.SIGTERM


def bytes_in(pipe: IO[bytes]) -> int:
    """How many wait to be read."""
    return int(struct.unpack("i", fcntl.ioctl(pipe.fileno(), termios.FIONREAD, b"\0" * 4))[0])


def wait_until_full(pipe: IO[bytes]) -> None:
    """Until it holds records, and no more of them come."""
    before = 0
    while (now := bytes_in(pipe)) < 32 * 1024 or now != before:
        before = now
        time.sleep(1)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_read_that_nobody_reads_ends_too_and_leaves_no_config_behind(tmp_path: Path, number: signal.Signals) -> None:
    with even_emulator(rows=12_000, bots=2, payload_bytes=500) as config:
        line = arguments("read", tmp_path, config=config, catalog=CATALOG)
        temporary = tmp_path / "temporary"
        temporary.mkdir()
        environment = {**os.environ, "TMPDIR": str(temporary)}
        with subprocess.Popen(line, stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout is not None
            wait_until_full(process.stdout)
            process.send_signal(number)
            try:
                assert process.wait(timeout=10) == -number
            finally:
                process.kill()
        assert [path for path in temporary.rglob("*") if path.is_file()] == []


def importing(line: list[str]) -> subprocess.Popen[str]:
    """The process of a command line that is in the midst of its imports."""
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    assert any(text.split()[-1:] == ["orjson"] for text in process.stderr)
    return process


@pytest.mark.parametrize("number", SIGNALS)
def test_a_command_ends_while_it_still_imports(number: signal.Signals) -> None:
    with importing([sys.executable, "-m", "source_kore_llm_logs", "spec"]) as process:
        process.send_signal(number)
        assert process.stderr is not None
        rest = process.stderr.read()
    assert process.returncode == -number
    assert "Traceback" not in rest
    assert "source_kore_llm_logs.source" not in rest


UNSHARE = ["unshare", "--pid", "--fork", "--kill-child"]


def can_unshare() -> bool:
    try:
        return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not can_unshare(), reason="unshare --pid is not permitted here")
@pytest.mark.parametrize("number", SIGNALS)
def test_process_1_of_a_container_ends_with_128_and_the_signal_while_it_still_imports(number: signal.Signals) -> None:
    with importing([*UNSHARE, sys.executable, "-m", "source_kore_llm_logs", "spec"]) as unshare:
        child = int(Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text())
        os.kill(child, number)
    assert unshare.returncode == 128 + number


def test_a_signal_that_the_parent_ignores_is_ignored() -> None:
    line = [sys.executable, "-m", "source_kore_llm_logs", "spec"]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with importing(line) as process:
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        process.stderr.read()
    assert process.returncode == 0
