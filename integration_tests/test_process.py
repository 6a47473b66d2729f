"""The process as a program among others: its output closed or full, its input through pipes, its faults in order."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.emulator_process import emulator as even_emulator
from integration_tests.command import CATALOG, STREAM, Outcome, arguments, finished, parse, read, typed
from integration_tests.kore_emulator import NOW, Emulator, Reading, generate_rows

COMMAND = [sys.executable, "-m", "source_kore_llm_logs"]
BOT = "st-alpha"
ROWS = generate_rows(BOT, NOW - timedelta(days=20), NOW - timedelta(minutes=5), 100, seed=1)


def test_a_reader_that_goes_ends_the_read_at_once(tmp_path: Path) -> None:
    with even_emulator(rows=12_000, bots=2, payload_bytes=500) as config:
        line = arguments("read", tmp_path, config=config, catalog=CATALOG)
        with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            for _ in range(5):
                process.stdout.readline()
            process.stdout.close()
            assert process.wait(timeout=60) == 1
            assert process.stderr.read() == "Standard output cannot be written: its reader has gone.\n"


def into(stdout: str, command: str = "spec") -> tuple[int, str]:
    """The status and stderr of a command whose stdout a shell redirects."""
    line = f'"$@" {stdout}'
    done = subprocess.run(["bash", "-c", line, "bash", *COMMAND, command], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("stdout", "reason"),
    [
        ("> /dev/full", "No space left on device"),
        (">&-", "it is closed"),
        ("| true; exit ${PIPESTATUS[0]}", "its reader has gone"),
    ],
)
def test_output_that_cannot_be_written_ends_the_command_with_one_line(stdout: str, reason: str) -> None:
    assert into(stdout) == (1, f"Standard output cannot be written: {reason}.\n")


def test_output_that_is_set_not_to_block_loses_nothing() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with subprocess.Popen([*COMMAND, "spec"], stdout=writing) as process, os.fdopen(reading) as output:
        os.close(writing)
        assert [message["type"] for message in parse(output.read())].count("SPEC") == 1
    assert process.returncode == 0


@pytest.mark.parametrize("line", [[], ["frobnicate"], ["check"], ["read", "--config", "x"], ["--nonsense"]])
def test_a_wrong_command_line_gets_the_usage_on_stderr_and_ends_with_2(line: list[str]) -> None:
    outcome = typed(line)
    assert outcome.code == 2
    assert outcome.stdout == ""
    assert "usage:" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_config_catalog_and_state_come_through_pipes(tmp_path: Path) -> None:
    with Emulator({BOT: ROWS}) as emulator:
        first = read(emulator.config())
        documents = {"config": emulator.config(), "catalog": CATALOG, "state": first.states}
        line = [*COMMAND, "read"]
        for name, document in documents.items():
            pipe = tmp_path / name
            os.mkfifo(pipe)
            line += [f"--{name}", str(pipe)]
            writer = 'cat > "$0"'
            given = subprocess.Popen(["sh", "-c", writer, str(pipe)], stdin=subprocess.PIPE, text=True)
            assert given.stdin is not None
            given.stdin.write(json.dumps(document))
            given.stdin.close()
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        second = Outcome(done.returncode, parse(done.stdout), done.stdout, done.stderr)
        assert (second.code, second.stderr) == (0, "")
        assert len(first.records) == len(ROWS)
        assert len(second.records) < len(ROWS)
        assert second.states


def test_a_config_comes_through_standard_input() -> None:
    with Emulator({BOT: ROWS}) as emulator:
        line = [*COMMAND, "check", "--config", "/dev/stdin"]
        given = json.dumps(emulator.config())
        done = subprocess.run(line, input=given, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert parse(done.stdout)[-1]["connectionStatus"]["status"] == "SUCCEEDED"


def test_a_stream_that_is_not_here_is_an_error_that_names_it_before_anything_is_read(tmp_path: Path) -> None:
    other = json.loads(json.dumps(CATALOG["streams"][0]))
    other["stream"]["name"] = "conversations"
    with Emulator({BOT: ROWS}) as emulator:
        catalog = {"streams": [*CATALOG["streams"], other]}
        outcome = finished(arguments("read", tmp_path, config=emulator.config(), catalog=catalog))
        assert emulator.requests == []
    assert outcome.code == 1
    (error,) = outcome.errors
    assert error["failure_type"] == "config_error"
    assert "`conversations`" in error["message"]
    assert f"`{STREAM}`" in error["message"]
    assert outcome.records == []


def kinds(outcome: Outcome) -> list[str]:
    """The types of the messages; of a trace, its own."""
    found = []
    for message in outcome.messages:
        trace: dict[str, Any] = message.get("trace", {})
        status = trace.get("stream_status", {}).get("status")
        found.append(status or trace.get("type") or message["type"])
    return found


def test_the_fault_of_one_bot_is_told_after_the_others_were_read_and_logged_when_it_happened() -> None:
    with Emulator({BOT: ROWS}, Reading(largest_limit=10, latency_seconds=0.1)) as emulator:
        outcome = read(emulator.config(bot_ids=["st-unknown", BOT]))
    assert outcome.code == 1
    assert len(outcome.ids) == len(ROWS)
    found = kinds(outcome)
    assert found.count("ERROR") == 1
    assert found[-1] == "ERROR"
    last = {kind: len(found) - 1 - found[::-1].index(kind) for kind in ("RECORD", "STATE", "INCOMPLETE")}
    assert last["RECORD"] < last["STATE"] < last["INCOMPLETE"]
    assert "COMPLETE" not in found
    (error,) = outcome.errors
    assert error["message"].startswith("Bot st-unknown: a wrong bot id, or a bot that the app does not serve")
    logs = [json.dumps(message.get("log", "")) for message in outcome.messages]
    # At that moment nobody knew yet that the other bot would be answered with the same credentials.
    logged = [place for place, log in enumerate(logs) if "Bot st-unknown: wrong credentials or a wrong bot id." in log]
    assert logged
    assert logged[0] < last["RECORD"]


def test_two_hundred_bots_with_one_fault_share_a_sentence() -> None:
    unknown = [f"st-unknown-{n}" for n in range(200)]
    with Emulator({BOT: ROWS}) as emulator:
        outcome = read(emulator.config(bot_ids=[*unknown, BOT]))
    assert outcome.code == 1
    assert len(outcome.ids) == len(ROWS)
    (error,) = outcome.errors
    assert error["message"].startswith("200 bots: a wrong bot id, or a bot that the app does not serve")
    assert error["message"].count("a wrong bot id") == 1
    assert all(f"{bot}," in error["message"] or f"{bot}." in error["message"] for bot in unknown)
