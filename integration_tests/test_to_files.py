"""`python -m source_kore_llm_logs.to_files`: nothing that was read is thrown away, whatever ends a sync."""

import fcntl
import json
import os
import pty
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from integration_tests.command import CATALOG, arguments
from integration_tests.in_process import UNLIMITED
from integration_tests.kore_emulator import NOW, Emulator, Reading, generate_rows
from source_kore_llm_logs import command
from source_kore_llm_logs.records.record import to_record

BOTS = ("st-alpha", "st-beta")
ROWS = {
    bot: generate_rows(bot, NOW - timedelta(days=60), NOW - timedelta(hours=2), 300, seed)
    for seed, bot in enumerate(BOTS)
}
BIG = 2**53 + 1
CLOCK = re.compile(r"\AThe clock of this machine is \d+ s ahead of the server's, which counts\.\n")
"""The first line of stderr, once the emulator has answered: it plays another day."""


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(ROWS, Reading(largest_limit=50)) as running:
        yield running


class Folder:
    """A folder with a config, and what the command makes in it."""

    def __init__(self, path: Path, config: dict[str, Any]):
        self.path = path
        (path / "config.json").write_text(json.dumps(config))
        self.line = [
            sys.executable,
            "-m",
            "source_kore_llm_logs.to_files",
            "--config",
            "config.json",
            "--folder",
            "kore",
        ]
        self.records_file, self.state_file = path / "kore/llm_usage_logs.jsonl", path / "kore/state.json"

    def sync(self, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.line, cwd=self.path, capture_output=True, text=True, timeout=120, check=False, **options
        )

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


def ids(*bots: str) -> set[str]:
    return {to_record(bot, row)["id"] for bot in bots for row in ROWS[bot]}


def test_a_first_sync_writes_every_record_once_and_the_next_appends_what_is_new(
    emulator: Emulator, tmp_path: Path
) -> None:
    folder = Folder(tmp_path, emulator.config())
    first = folder.sync()
    assert (first.returncode, first.stdout, CLOCK.sub("", first.stderr)) == (0, "", "")
    assert set(folder.ids) == ids(*BOTS)
    assert set(folder.ids.values()) == {1}
    new = generate_rows(BOTS[0], NOW - timedelta(minutes=15), NOW - timedelta(minutes=5), 20, seed=6)
    emulator.add_rows(BOTS[0], new)
    second = folder.sync()
    assert (second.returncode, CLOCK.sub("", second.stderr)) == (0, "")
    assert set(folder.ids) == ids(*BOTS) | {to_record(BOTS[0], row)["id"] for row in new}
    assert list(folder.ids.values()).count(1) > 0.9 * len(folder.ids)  # It went on, and did not begin anew.


def test_a_bot_that_fails_is_told_and_takes_nothing_from_the_others(emulator: Emulator, tmp_path: Path) -> None:
    emulator.reading = Reading(largest_limit=50, refusals={BOTS[0]: "scope"})
    folder = Folder(tmp_path, emulator.config())
    failed = folder.sync()
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].startswith(f"Bot {BOTS[0]}: the app lacks the scope.")
    assert set(folder.ids) == ids(BOTS[1])
    assert BOTS[1] in folder.cursors
    assert folder.sync().returncode == 1
    assert list(folder.ids.values()).count(1) > 0.9 * len(folder.ids)  # It went on, and did not begin anew.
    emulator.reading = Reading(largest_limit=50)
    assert folder.sync().returncode == 0
    assert set(folder.ids) == ids(*BOTS)


def test_killed_at_any_moment_nothing_is_lost_and_the_state_is_never_ahead_of_the_records(
    emulator: Emulator, tmp_path: Path
) -> None:
    emulator.reading = Reading(largest_limit=20, latency_seconds=0.02)
    folder = Folder(tmp_path, emulator.config(window_days=7, **UNLIMITED))
    records = [to_record(bot, row) for bot in BOTS for row in ROWS[bot]]
    ends = {record["id"]: (record["bot_id"], record["end_date"] or record["start_date"] or "9") for record in records}
    chance, kills_in_the_midst = random.Random(5), 0

    def seen() -> tuple[int, bytes]:
        """How many bytes of records there are, and the state."""
        return tuple(  # type: ignore[return-value]
            read(file) if file.exists() else empty
            for file, read, empty in (
                (folder.records_file, lambda file: file.stat().st_size, 0),
                (folder.state_file, Path.read_bytes, b""),
            )
        )

    for kill in range(10):
        before, after = seen(), chance.randrange(1, 200_000)
        process = subprocess.Popen(folder.line, cwd=folder.path, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            size, state = seen()
            if state != before[1] if kill % 2 else size >= before[0] + after:
                break
            time.sleep(0.001)
        kills_in_the_midst += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        if folder.state_file.exists():
            reached, text = folder.cursors, folder.records_file.read_text()
            stored = {json.loads(line)["id"] for line in text[: text.rfind("\n") + 1].splitlines()}
            lost = [one for one, (bot, end) in ends.items() if end <= reached.get(bot, "") and one not in stored]
            assert lost == []
    assert kills_in_the_midst >= 3
    assert folder.sync().returncode == 0
    assert set(folder.ids) == ids(*BOTS)


def test_a_line_that_a_kill_cut_off_is_taken_away_and_every_other_stays(emulator: Emulator, tmp_path: Path) -> None:
    folder = Folder(tmp_path, emulator.config())
    folder.records_file.parent.mkdir()
    folder.records_file.write_text('{"id": "whole"}\n{"id": "cut o')
    assert folder.sync().returncode == 0
    assert set(folder.ids) == {"whole"} | ids(*BOTS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_keeps_the_records_that_were_read(emulator: Emulator, tmp_path: Path, number: signal.Signals) -> None:
    emulator.reading = Reading(largest_limit=20, latency_seconds=0.1)
    for attempt in range(3):  # A short sync may just have ended.
        (tmp_path / str(attempt)).mkdir()
        folder = Folder(tmp_path / str(attempt), emulator.config(window_days=7))
        with subprocess.Popen(folder.line, cwd=folder.path, stderr=subprocess.PIPE, text=True) as process:
            while not folder.state_file.exists():
                time.sleep(0.01)
            process.send_signal(number)
            assert process.stderr is not None
            told = CLOCK.sub("", process.stderr.read())
        if process.returncode:
            break
    assert told.startswith(f"Ended by {number.name}. The next sync goes on")
    assert process.returncode == -number
    assert folder.records_file.read_text().endswith("\n")
    assert folder.sync().returncode == 0
    assert set(folder.ids) == ids(*BOTS)


def test_integers_beyond_2_to_the_53_arrive_as_they_are(tmp_path: Path) -> None:
    row = {**ROWS[BOTS[0]][0], "Payload Details": {"Request Payload": {"seed": BIG, "model": "m"}}}
    with Emulator({BOTS[0]: [row]}) as emulator:
        folder = Folder(tmp_path, emulator.config())
        assert folder.sync().returncode == 0
    (line,) = folder.records_file.read_text().splitlines()
    assert f'"seed":{BIG}' in line


def test_two_syncs_of_one_folder_do_not_run_at_once(emulator: Emulator, tmp_path: Path) -> None:
    folder = Folder(tmp_path, emulator.config())
    folder.records_file.parent.mkdir()
    with folder.records_file.open("w") as records:
        fcntl.flock(records, fcntl.LOCK_EX)
        done = folder.sync()
    assert (done.returncode, done.stderr) == (0, "Another sync into kore is still running.\n")
    assert emulator.requests == []


@pytest.mark.parametrize(
    ("state", "said"),
    [("", "The file given by --state is empty."), ("[", "The file given by --state is not JSON: line 1, column 2.")],
)
def test_a_state_that_cannot_be_used_is_told_and_nothing_is_read_anew(
    emulator: Emulator, tmp_path: Path, state: str, said: str
) -> None:
    folder = Folder(tmp_path, emulator.config())
    folder.state_file.parent.mkdir()
    folder.state_file.write_text(state)
    done = folder.sync()
    assert (done.returncode, done.stderr) == (1, f"{said}\n")
    assert emulator.requests == []
    assert folder.state_file.read_text() == state


def test_a_folder_that_cannot_be_written_is_told_in_one_line(emulator: Emulator, tmp_path: Path) -> None:
    folder = Folder(tmp_path, emulator.config())
    folder.records_file.parent.write_text("a file")
    done = folder.sync()
    assert (done.returncode, done.stderr) == (1, "The folder kore cannot be written: File exists.\n")


def test_a_disk_that_is_full_ends_the_sync_with_one_line_and_the_state_stays_behind(
    emulator: Emulator, tmp_path: Path
) -> None:
    import resource

    folder = Folder(tmp_path, emulator.config())

    def small() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    done = folder.sync(preexec_fn=small)
    assert (done.returncode, CLOCK.sub("", done.stderr)) == (
        1,
        "The folder kore cannot be written: File too large.\n",
    )
    assert folder.sync().returncode == 0
    assert set(folder.ids) == ids(*BOTS)


def at_a_terminal(line: list[str], folder: Path) -> str:
    """What a person sees whose terminal shows stderr, while stdout goes to a file."""
    ours, theirs = pty.openpty()
    with (folder / "stdout").open("w") as stdout:
        process = subprocess.Popen(line, cwd=folder, stdout=stdout, stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            seen += os.read(ours, 4096)
        except OSError:  # So Linux tells that nobody writes any more.
            break
    process.wait()
    os.close(ours)
    return seen.decode().replace("\r\n", "\n")


def test_a_person_at_a_terminal_sees_how_far_it_is(emulator: Emulator, tmp_path: Path) -> None:
    folder = Folder(tmp_path, emulator.config())
    seen = at_a_terminal(folder.line, tmp_path)
    for bot in BOTS:
        assert f"\nBot {bot}: " in seen
    assert '{"' not in seen
    assert (tmp_path / "stdout").read_text() == ""


def test_a_read_whose_messages_go_to_a_file_shows_its_progress_and_its_failure_at_the_terminal(
    emulator: Emulator, tmp_path: Path
) -> None:
    emulator.reading = Reading(largest_limit=50, refusals={BOTS[0]: "scope"})
    line = arguments("read", tmp_path, config=emulator.config(), catalog=CATALOG)
    seen = at_a_terminal(line, tmp_path)
    assert f"\nBot {BOTS[1]}: " in seen
    assert seen.splitlines()[-1].startswith(f"Bot {BOTS[0]}: the app lacks the scope.")
    assert '{"' not in seen
    assert "Traceback" not in seen
    assert '"type":"RECORD"' in (tmp_path / "stdout").read_text()


def test_every_few_seconds_a_person_sees_how_many_records_there_are(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "SECONDS_BETWEEN_COUNTS", 0.0)
    lines = ['{"type":"LOG"}', '{"type":"RECORD","record":{}}']
    assert list(command._counted(lines)) == lines
    assert capfd.readouterr().err == "0 records so far.\n1 records so far.\n"
