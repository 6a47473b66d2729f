"""Runs the connector's own command line in a process of its own, and reads its protocol messages."""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integration_tests import preloaded

STREAM = "llm_usage_logs"


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


def outcome_of(done: subprocess.CompletedProcess[str]) -> Outcome:
    return Outcome(done.returncode, parse(done.stdout), done.stdout, done.stderr)


def finished(line: list[str], timeout: float = 120) -> Outcome:
    """Starts a command line afresh and runs it to its end."""
    return outcome_of(subprocess.run(line, capture_output=True, text=True, timeout=timeout, check=False))


def typed(words: list[str], environment: Mapping[str, str] | None = None, timeout: float = 120) -> Outcome:
    """Runs the connector with these words as its command line, and these variables besides its environment's."""
    return outcome_of(preloaded.completed(words, {**os.environ, **(environment or {})}, timeout))


def run(command: str, *flags: str, timeout: float = 120, **documents: Any) -> Outcome:
    """Runs `spec`, `check`, `discover` or `read` with `config`, `catalog`, `state` given as documents."""
    with tempfile.TemporaryDirectory() as folder:
        return typed([command, *options(Path(folder), **documents), *flags], timeout=timeout)


def catalog_of(config: dict[str, Any], sync_mode: str = "incremental") -> dict[str, Any]:
    """The configured catalog made from the connector's own `discover`."""
    (message,) = run("discover", config=config).of_type("CATALOG")
    return configured(message["catalog"]["streams"][0], sync_mode)


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
