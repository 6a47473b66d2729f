"""Runs the connector's own command line in a process of its own, and reads its protocol messages.

The process is forked from one that has imported the connector already, unless the start is the point: imports take a
second and a half, and a command a tenth of that.
"""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, TextIO

STREAM = "llm_usage_logs"
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["source_kore_llm_logs.command", "integration_tests.manifest_schema", "pytest"])


@dataclass(frozen=True)
class Outcome:
    """What one command printed and how it ended."""

    code: int
    messages: list[dict[str, Any]]
    stdout: str
    stderr: str

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    @property
    def records(self) -> list[dict[str, Any]]:
        return [message["record"]["data"] for message in self.of_type("RECORD")]

    @property
    def states(self) -> list[dict[str, Any]]:
        return [message["state"] for message in self.of_type("STATE")]

    @property
    def ids(self) -> Counter[str]:
        return Counter(record["id"] for record in self.records)

    def rows(self, bot_id: str) -> Counter[str]:
        """How often each row of a bot was emitted, by its description, which tests make unique."""
        return Counter(record["description"] for record in self.records if record["bot_id"] == bot_id)

    @property
    def cursors(self) -> dict[str, str]:
        """Bot -> `end_date` of the last STATE message."""
        states = self.states[-1]["stream"]["stream_state"].get("states", [])
        return {state["partition"]["bot_id"]: state["cursor"]["end_date"] for state in states}

    @property
    def errors(self) -> list[dict[str, Any]]:
        return [m["trace"]["error"] for m in self.of_type("TRACE") if m["trace"]["type"] == "ERROR"]

    @property
    def told(self) -> str:
        """What a person is told: the status of a check, the errors of a read."""
        statuses = [message["connectionStatus"].get("message", "") for message in self.of_type("CONNECTION_STATUS")]
        return "\n".join([*statuses, *(error["message"] for error in self.errors)])

    @property
    def log(self) -> str:
        return "\n".join(message["log"]["message"] for message in self.of_type("LOG"))


def options(folder: Path, **documents: Any) -> list[str]:
    """The options that name documents, which are written to files in the folder: bytes as they are, others as JSON."""
    words = []
    for name, document in documents.items():
        if document is not None:
            path = folder / f"{name}.json"
            path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
            words += [f"--{name}", str(path)]
    return words


def arguments(command: str, folder: Path, **documents: Any) -> list[str]:
    """The command line for one command that is started afresh."""
    return [sys.executable, "-m", "source_kore_llm_logs", command, *options(folder, **documents)]


def parse(stdout: str) -> list[dict[str, Any]]:
    """Every line of stdout must be a protocol message; only a line feed ends a line."""
    return [json.loads(line) for line in stdout.split("\n") if line.strip()]


def finished(line: list[str], given: str = "", timeout: float = 120) -> Outcome:
    """Starts a command line afresh and runs it to its end, with this on its standard input."""
    done = subprocess.run(line, input=given, capture_output=True, text=True, timeout=timeout, check=False)
    return Outcome(done.returncode, parse(done.stdout), done.stdout, done.stderr)


def _run(words: list[str], folder: str, environment: Mapping[str, str], to_files: Path | None) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(Path(folder, name), os.O_WRONLY | os.O_CREAT), descriptor)
    sys.argv[1:] = words
    signal.signal(signal.SIGINT, signal.default_int_handler)  # A shell that runs the tests beside others ignores it.
    from source_kore_llm_logs import run
    from source_kore_llm_logs import to_files as files

    if to_files:
        os.chdir(to_files)
    files.main() if to_files else run.run()


def begun(
    words: list[str], folder: str, environment: Mapping[str, str] | None = None, to_files: Path | None = None
) -> ForkServerProcess:
    """The process of the connector, or of `to_files` in a folder of its own, with these words as its command line and
    these variables besides its environment's; it writes `stdout` and `stderr` into `folder`."""
    process = _CONTEXT.Process(target=_run, args=(words, folder, {**os.environ, **(environment or {})}, to_files))
    process.start()
    return process


def typed(
    words: list[str], environment: Mapping[str, str] | None = None, timeout: float = 120, to_files: Path | None = None
) -> Outcome:
    """Runs it to its end, or for `timeout` seconds."""
    with tempfile.TemporaryDirectory() as folder:
        process = begun(words, folder, environment, to_files)
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(words, timeout)
        stdout, stderr = (Path(folder, name).read_text() for name in ("stdout", "stderr"))
    return Outcome(process.exitcode, parse(stdout), stdout, stderr)


@contextmanager
def started(words: list[str]) -> Iterator[TextIO]:
    """The standard output of the connector, which is killed (SIGKILL) at the end of the block."""
    with tempfile.TemporaryDirectory() as folder:
        os.mkfifo(Path(folder, "stdout"))
        process = begun(words, folder)
        with Path(folder, "stdout").open() as stdout:
            try:
                yield stdout
            finally:
                process.kill()
                process.join()


def run(command: str, *flags: str, timeout: float = 120, **documents: Any) -> Outcome:
    """Runs `spec`, `check`, `discover` or `read` with `config`, `catalog`, `state` given as documents."""
    with tempfile.TemporaryDirectory() as folder:
        return typed([command, *options(Path(folder), **documents), *flags], timeout=timeout)


def configured(stream: dict[str, Any], sync_mode: str = "incremental") -> dict[str, Any]:
    destination_mode = "append_dedup" if sync_mode == "incremental" else "overwrite"
    return {
        "streams": [
            {
                "stream": stream,
                "sync_mode": sync_mode,
                "destination_sync_mode": destination_mode,
                "cursor_field": ["end_date"],
                "primary_key": [["id"]],
            }
        ]
    }


CATALOG = configured(
    {
        "name": STREAM,
        "json_schema": {"type": "object", "properties": {}},
        "supported_sync_modes": ["full_refresh", "incremental"],
        "source_defined_cursor": True,
        "default_cursor_field": ["end_date"],
        "source_defined_primary_key": [["id"]],
    }
)


def state_of(stream_state: Any) -> list[dict[str, Any]]:
    """The state messages that hold this state of the stream."""
    return [{"type": "STREAM", "stream": {"stream_descriptor": {"name": STREAM}, "stream_state": stream_state}}]


def state_at(cursor: str, bot: str = "st-alpha") -> list[dict[str, Any]]:
    return state_of({"states": [{"partition": {"bot_id": bot}, "cursor": {"end_date": cursor}}]})


def read(config: dict[str, Any], state: list[dict[str, Any]] | None = None, timeout: float = 120) -> Outcome:
    """One incremental sync."""
    return run("read", timeout=timeout, config=config, catalog=CATALOG, state=state)


def stopped(line: list[str], stop: Callable[[int], object], after: str) -> Outcome:
    """Runs a command line until it prints a line that holds the text `after`, then calls `stop` with its process id.

    Gives what it printed in all. The text has to come, and the process has to end within a minute of being told.
    """
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    printed = []
    for text in process.stdout:
        printed.append(text)
        if after in text:
            break
    assert after in printed[-1], "".join(printed)
    stop(process.pid)
    stdout = "".join([*printed, process.stdout.read()])
    code = process.wait(timeout=60)
    return Outcome(code, parse(stdout), stdout, process.stderr.read())
