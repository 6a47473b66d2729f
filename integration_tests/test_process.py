"""The process as a program among others: its output closed or full, its input through pipes, its faults in order.

A command that is told to end does so by that signal, at a whole line, whatever it waits for, and loses nothing.
"""

import fcntl
import json
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
from threading import Event

import pytest

from benchmarks.emulator_process import TRANSFERS
from benchmarks.stalled_reader import LIMIT_MIB, stalled_read
from integration_tests.command import CATALOG, STREAM, arguments, finished, parse, read, run, stopped, typed
from integration_tests.kore_emulator import NOW, Emulator, Reading, even_rows, generate_rows

COMMAND = [sys.executable, "-m", "source_kore_llm_logs"]
BOT = "st-alpha"
ROWS = generate_rows(BOT, NOW - timedelta(days=20), NOW - timedelta(minutes=5), 100, seed=1)
DENSE = even_rows(BOT, NOW - timedelta(days=200), NOW - timedelta(minutes=5), 6_000)
"""More than a pipe and the connector's queue hold."""
SIGNALS = [signal.SIGTERM, signal.SIGINT]


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Whoever runs the tests in the background ignores SIGINT, and so would the command."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


# Output


def test_a_reader_that_goes_ends_the_read_at_once(tmp_path: Path) -> None:
    with Emulator({BOT: DENSE}) as emulator:
        line = arguments("read", tmp_path, config=emulator.config(), catalog=CATALOG)
        with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            process.stdout.close()
            assert process.wait(timeout=60) == 1
            assert process.stderr.read() == "Standard output cannot be written: its reader has gone.\n"


@pytest.mark.parametrize(
    ("stdout", "reason"),
    [
        ("> /dev/full", "No space left on device"),
        (">&-", "it is closed"),
        ("| true; exit ${PIPESTATUS[0]}", "its reader has gone"),
    ],
)
def test_output_that_cannot_be_written_ends_the_command_with_one_line(stdout: str, reason: str) -> None:
    line = ["bash", "-c", f'"$@" {stdout}', "bash", *COMMAND, "spec"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, f"Standard output cannot be written: {reason}.\n")


def test_output_that_is_set_not_to_block_loses_nothing() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with subprocess.Popen([*COMMAND, "spec"], stdout=writing) as process, os.fdopen(reading) as output:
        os.close(writing)
        assert [message["type"] for message in parse(output.read())].count("SPEC") == 1
    assert process.returncode == 0


# Input


@pytest.mark.parametrize("line", [[], ["frobnicate"], ["check"], ["read", "--config", "x"], ["--nonsense"]])
def test_a_wrong_command_line_gets_the_usage_on_stderr_and_ends_with_2(line: list[str]) -> None:
    outcome = typed(line)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert "usage:" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_config_catalog_and_state_come_through_pipes_and_standard_input(tmp_path: Path) -> None:
    with Emulator({BOT: ROWS}) as emulator:
        first = read(emulator.config())
        documents = {"catalog": CATALOG, "state": first.states}
        line = [*COMMAND, "read", "--config", "/dev/stdin"]
        for name, document in documents.items():
            pipe = tmp_path / name
            os.mkfifo(pipe)
            line += [f"--{name}", str(pipe)]
            given = subprocess.Popen(["sh", "-c", 'cat > "$0"', str(pipe)], stdin=subprocess.PIPE, text=True)
            given.stdin.write(json.dumps(document))
            given.stdin.close()
        second = finished(line, given=json.dumps(emulator.config()))
    assert (second.code, second.stderr) == (0, "")
    assert len(second.records) < len(first.records) == len(ROWS)
    assert second.states


def test_a_stream_that_is_not_here_is_an_error_that_names_it_before_anything_is_read() -> None:
    other = json.loads(json.dumps(CATALOG["streams"][0]))
    other["stream"]["name"] = "conversations"
    with Emulator({BOT: ROWS}) as emulator:
        outcome = run("read", config=emulator.config(), catalog={"streams": [*CATALOG["streams"], other]})
        assert emulator.requests == []
    (error,) = outcome.errors
    assert (outcome.code, error["failure_type"], outcome.records) == (1, "config_error", [])
    assert "`conversations`" in error["message"]
    assert f"`{STREAM}`" in error["message"]


def test_the_fault_of_one_bot_is_told_after_the_others_were_read_and_logged_when_it_happened() -> None:
    with Emulator({BOT: ROWS}, Reading(largest_limit=10, latency_seconds=0.1)) as emulator:
        outcome = read(emulator.config(bot_ids=["st-unknown", BOT]))
    assert (outcome.code, len(outcome.ids), len(outcome.errors)) == (1, len(ROWS), 1)
    *_, state, status, _ = [message for message in outcome.messages if message["type"] != "LOG"]
    assert state["type"] == "STATE"
    assert status["trace"]["stream_status"]["status"] == "INCOMPLETE"
    assert '"COMPLETE"' not in outcome.stdout
    assert outcome.told.startswith("Bot st-unknown: a wrong bot id, or a bot that the app does not serve")
    # When it happened, nobody knew yet that the other bot would be answered with the same credentials.
    after = outcome.stdout.partition("Bot st-unknown: wrong credentials or a wrong bot id.")[2]
    assert '"RECORD"' in after


# Memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.waits
@pytest.mark.parametrize("transfer", TRANSFERS)
def test_twelve_bots_of_large_rows_stay_well_within_the_limit_while_nobody_reads(transfer: str) -> None:
    """600 MB wait in pages of 50 MB; without a budget, they are all read."""
    seen = stalled_read(transfer)
    assert seen.records == 1
    assert seen.standing < 0.75 * LIMIT_MIB  # On a busy machine, more requests are under way.


# Signals


@pytest.mark.parametrize("number", SIGNALS)
def test_a_read_that_is_told_to_end_does_so_at_a_whole_line_and_the_next_goes_on_from_its_last_state(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Behind the first part, no answer comes before the signal."""
    told = Event()
    with Emulator({BOT: DENSE[::6]}, Reading(largest_limit=20)) as running:
        running.before_response = lambda _: told.wait(60) if len(running.requests) > 40 else None  # type: ignore[assignment,return-value]
        config = running.config(window_days=30)
        line = arguments("read", tmp_path, config=config, catalog=CATALOG)
        outcome = stopped(line, lambda pid: os.kill(pid, number), after='"type":"STATE"')
        told.set()
        assert (outcome.code, outcome.stderr) == (-number, "")
        assert outcome.stdout.endswith("\n")
        assert f"Ended by {number.name}." in outcome.log
        running.before_response = None
        rest = read(config, outcome.states[-1:])
    assert 0 < len(outcome.ids) < len(DENSE[::6])
    assert 0 < len(rest.ids) < len(DENSE[::6])
    assert len(set(outcome.ids) | set(rest.ids)) == len(DENSE[::6])


def test_a_read_that_waits_for_the_rate_limit_ends_too(tmp_path: Path) -> None:
    with Emulator({BOT: ROWS}) as running:
        config = running.config(requests_per_minute=6)
        line = arguments("read", tmp_path, config=config, catalog=CATALOG)
        outcome = stopped(line, lambda pid: os.kill(pid, signal.SIGTERM), after=" are used up, waiting")
        assert (outcome.code, len(running.requests)) == (-signal.SIGTERM, 6)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_read_that_nobody_reads_ends_too_and_leaves_no_config_behind(tmp_path: Path, number: signal.Signals) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with Emulator({BOT: DENSE}) as emulator:
        line = arguments("read", tmp_path, config=emulator.config(), catalog=CATALOG)
        environment = {**os.environ, "TMPDIR": str(temporary)}
        with subprocess.Popen(line, stdout=subprocess.PIPE, env=environment) as process:
            waiting = [0]
            # How many bytes a pipe holds depends on the sizes of the writes. It is full when no more come for a while.
            while waiting[-1] < 16 * 1024 or len(set(waiting[-20:])) > 1:
                answer = fcntl.ioctl(process.stdout.fileno(), termios.FIONREAD, b"\0" * 4)
                waiting += struct.unpack("i", answer)
                assert process.poll() is None, "it ended before the pipe was full"
                time.sleep(0.1)
            process.send_signal(number)
            try:
                assert process.wait(timeout=60) == -number
            finally:
                process.kill()
    assert [path for path in temporary.rglob("*") if path.is_file()] == []


WRITES_WITHOUT_END = """
import os, signal, time
from source_kore_llm_logs.runtime import signals
from source_kore_llm_logs.runtime.output import Stdout
signals.install()
stdout = Stdout()
stdout.replace()
from source_kore_llm_logs import command

def write(*_):
    os.kill(os.getpid(), signal.SIGTERM)
    while True:
        stdout.write_line("x" * 100_000)
        time.sleep(0.001)

end = signals.end
signals.end = lambda status: time.sleep(0.1) or end(status)
command._run = write
command.run_command([], stdout)
"""


def test_a_thread_that_writes_on_while_the_process_ends_leaves_a_whole_line() -> None:
    output = b""
    with subprocess.Popen([sys.executable, "-c", WRITES_WITHOUT_END], stdout=subprocess.PIPE) as process:
        while some := os.read(process.stdout.fileno(), 4096):
            output += some
            time.sleep(0.001)
    assert process.returncode == -signal.SIGTERM
    assert b"Ended by SIGTERM." in output
    assert output.endswith(b"\n")


def importing(*before: str) -> subprocess.Popen[str]:
    """The process of a command line that is in the midst of its imports."""
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    line = [*before, *COMMAND, "spec"]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)
    assert any(text.split()[-1:] == ["orjson"] for text in process.stderr)
    return process


@pytest.mark.parametrize("number", SIGNALS)
def test_a_command_ends_while_it_still_imports(number: signal.Signals) -> None:
    with importing() as process:
        process.send_signal(number)
        rest = process.stderr.read()
    assert process.returncode == -number
    assert "Traceback" not in rest
    assert "source_kore_llm_logs.source" not in rest


UNSHARE = "unshare --pid --fork --kill-child"
CAN_UNSHARE = subprocess.run(f"{UNSHARE} true", shell=True, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not CAN_UNSHARE, reason="unshare --pid is not permitted here")
@pytest.mark.parametrize("number", SIGNALS)
def test_process_1_of_a_container_ends_with_128_and_the_signal_while_it_still_imports(number: signal.Signals) -> None:
    with importing(*UNSHARE.split()) as unshare:
        child = int(Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text())
        os.kill(child, number)
    assert unshare.returncode == 128 + number


def test_a_signal_that_the_parent_ignores_is_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with importing() as process:
        process.send_signal(signal.SIGINT)
        process.stderr.read()
    assert process.returncode == 0
