"""`python -m source_kore_llm_logs.to_files`: nothing that was read is thrown away, whatever ends a sync."""

import fcntl
import json
import os
import pty
import random
import re
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from integration_tests.command import CATALOG, arguments, begun, typed
from integration_tests.kore_emulator import NOW, Emulator, Reading, generate_rows
from source_kore_llm_logs import command
from source_kore_llm_logs.records.record import to_record

BOTS = ("st-alpha", "st-beta")
ROWS = {
    bot: generate_rows(bot, NOW - timedelta(days=60), NOW - timedelta(hours=2), 300, seed)
    for seed, bot in enumerate(BOTS)
}
CLOCK = re.compile(r"\AThe clock of this machine is [\w ]+ ahead of the server's, which counts\.\n")
"""The first line of stderr, once the emulator has answered: it plays another day."""


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(ROWS, Reading(largest_limit=50)) as running:
        yield running


class Folder:
    """A folder with a config, and what the command makes in it."""

    words = ("--config", "config.json", "--folder", "kore")

    def __init__(self, path: Path, config: dict[str, Any]):
        self.path = path
        (path / "config.json").write_text(json.dumps(config))
        self.records_file, self.state_file = path / "kore/llm_usage_logs.jsonl", path / "kore/state.json"

    def sync(self) -> tuple[int, str]:
        """The exit status, and stderr but for the line about the clock."""
        done = typed([*self.words], to_files=self.path)
        assert done.stdout == ""
        return done.code, CLOCK.sub("", done.stderr)

    @property
    def ids(self) -> Counter[str]:
        lines = self.records_file.read_text().splitlines() if self.records_file.exists() else []
        return Counter(json.loads(line)["id"] for line in lines)

    @property
    def cursors(self) -> dict[str, str]:
        (state,) = json.loads(self.state_file.read_text())
        return {
            one["partition"]["bot_id"]: one["cursor"]["end_date"] for one in state["stream"]["stream_state"]["states"]
        }


@pytest.fixture
def folder(emulator: Emulator, tmp_path: Path) -> Folder:
    return Folder(tmp_path, emulator.config())


def ids(*bots: str) -> set[str]:
    return {to_record(bot, row)["id"] for bot in bots for row in ROWS[bot]}


def test_ended_at_any_moment_nothing_is_lost_and_no_state_is_ahead_of_records(
    emulator: Emulator, tmp_path: Path
) -> None:
    emulator.reading = Reading(largest_limit=20)
    # Of one bot, behind whose first state nothing is logged, which would write what is still in memory.
    bot = BOTS[0]
    folder = Folder(tmp_path, emulator.config(bot_ids=[bot], window_days=7))

    def state() -> bytes:
        return folder.state_file.read_bytes() if folder.state_file.exists() else b""

    records = [to_record(bot, row) for row in ROWS[bot]]
    ends = {record["id"]: record["end_date"] or record["start_date"] or "9" for record in records}
    chance = random.Random(5)
    for place, number in enumerate([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT] * 2):
        before, after, ended = state(), chance.randrange(3, 12), Event()

        def is_due(place: int = place, before: bytes = before, after: int = after) -> bool:
            """In turn, when the state has changed and when so many requests were sent."""
            return len(emulator.requests) >= after if place % 2 else state() != before

        # The answer at which it is told never comes, so it cannot have ended before.
        emulator.clear_requests()
        emulator.before_response = lambda _, is_due=is_due, ended=ended: ended.wait(60) if is_due() else None
        process = begun([*folder.words], str(tmp_path), to_files=tmp_path)
        while process.is_alive() and not is_due():
            time.sleep(0.001)
        os.kill(process.pid, number)
        process.join(60)
        ended.set()
        assert process.exitcode == -number
        if number != signal.SIGKILL:
            told = CLOCK.sub("", (tmp_path / "stderr").read_text())
            assert told.startswith(f"Ended by {number.name}. The next sync goes on")
            assert folder.records_file.read_text().endswith("\n")
        if folder.state_file.exists():
            reached, text = folder.cursors, folder.records_file.read_text()
            stored = {json.loads(line)["id"] for line in text[: text.rfind("\n") + 1].splitlines()}
            assert [one for one, end in ends.items() if end <= reached[bot] and one not in stored] == []
    emulator.before_response = None
    assert folder.state_file.exists()
    assert folder.sync()[0] == 0
    assert set(folder.ids) == ids(bot)


def test_a_line_that_a_kill_cut_off_is_taken_away_and_every_other_stays(folder: Folder) -> None:
    folder.records_file.parent.mkdir()
    folder.records_file.write_text('{"id": "whole"}\n{"id": "cut o')
    assert folder.sync() == (0, "")
    assert set(folder.ids) == {"whole"} | ids(*BOTS)


def test_integers_beyond_2_to_the_53_arrive_as_they_are(emulator: Emulator, folder: Folder) -> None:
    row = {**ROWS[BOTS[0]][0], "Payload Details": {"Request Payload": {"seed": 2**53 + 1, "model": "m"}}}
    emulator.add_rows(BOTS[0], [row])
    assert folder.sync()[0] == 0
    assert f'"seed":{2**53 + 1}' in folder.records_file.read_text()


def test_two_syncs_of_one_folder_do_not_run_at_once(emulator: Emulator, folder: Folder) -> None:
    folder.records_file.parent.mkdir()
    with folder.records_file.open("w") as records:
        fcntl.flock(records, fcntl.LOCK_EX)
        assert folder.sync() == (0, "Another sync into kore is still running.\n")
    assert emulator.requests == []


def test_a_state_that_cannot_be_used_is_told_and_nothing_is_read_anew(emulator: Emulator, folder: Folder) -> None:
    folder.state_file.parent.mkdir()
    folder.state_file.write_text("[")
    assert folder.sync() == (1, "The file given by --state is not JSON: line 1, column 2.\n")
    assert emulator.requests == []
    assert folder.state_file.read_text() == "["


def test_a_folder_that_cannot_be_written_is_told_in_one_line(folder: Folder) -> None:
    folder.records_file.parent.write_text("a file")
    assert folder.sync() == (1, "The folder kore cannot be written: File exists.\n")


def test_a_full_disk_ends_the_sync_with_one_line_and_the_state_stays_behind(folder: Folder, tmp_path: Path) -> None:

    def small() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    line = [sys.executable, "-m", "source_kore_llm_logs.to_files", *folder.words]
    done = subprocess.run(line, cwd=tmp_path, stderr=subprocess.PIPE, text=True, check=False, preexec_fn=small)
    told = CLOCK.sub("", done.stderr)
    assert (done.returncode, told) == (1, "The folder kore cannot be written: File too large.\n")
    assert folder.sync()[0] == 0
    assert set(folder.ids) == ids(*BOTS)


@pytest.mark.parametrize("to_files", [True, False])
def test_a_terminal_shows_how_far_it_is_and_what_failed(emulator: Emulator, tmp_path: Path, to_files: bool) -> None:
    """Of `to_files`, and of a read whose messages go to a file."""
    emulator.reading = Reading(largest_limit=50, without_scope=frozenset(BOTS[:1]))
    words = Folder(tmp_path, emulator.config()).words
    line = [sys.executable, "-m", "source_kore_llm_logs.to_files", *words]
    if not to_files:
        line = arguments("read", tmp_path, config=emulator.config(), catalog=CATALOG)
    ours, theirs = pty.openpty()
    with (tmp_path / "stdout").open("w") as stdout:
        process = subprocess.Popen(line, cwd=tmp_path, stdout=stdout, stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            seen += os.read(ours, 4096)
        except OSError:  # So Linux tells that nobody writes any more.
            break
    process.wait()
    os.close(ours)
    lines = seen.decode().replace("\r\n", "\n").splitlines()
    assert any(text.startswith(f"Bot {BOTS[1]}: ") for text in lines)
    assert lines[-1].startswith(f"Bot {BOTS[0]}: the app lacks the scope.")
    assert not any('{"' in text or "Traceback" in text for text in lines)
    assert ('"type":"RECORD"' in (tmp_path / "stdout").read_text()) is not to_files


def test_every_few_seconds_one_sees_how_many_there_are(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "SECONDS_BETWEEN_COUNTS", 0.0)
    lines = ['{"type":"LOG"}', '{"type":"RECORD","record":{}}']
    assert list(command._counted(lines)) == lines
    assert capfd.readouterr().err == "0 records so far.\n1 records so far.\n"
