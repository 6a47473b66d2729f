"""The tests' side of `pyairbyte_session.py`."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integration_tests.destinations.servers import REPOSITORY, environment

SESSION = Path(__file__).with_name("pyairbyte_session.py")


@dataclass(frozen=True)
class Table:
    """A destination's table after a sync that processed so many records; Airbyte's own columns are left out."""

    processed: int
    types: dict[str, str]
    rows: list[dict[str, Any]]


class PyAirbyte:
    """A running session."""

    def __init__(self, process: "subprocess.Popen[str]", log_file: Path) -> None:
        self._process = process
        self._log_file = log_file

    @property
    def log(self) -> str:
        """Everything that PyAirbyte has printed."""
        return self._log_file.read_text()

    def sync(self, strategy: str, *, full_refresh: bool = False) -> Table:
        """`merge` is Append + Deduped, `append` is Append, `replace` is Overwrite."""
        answer = self._ask({"sync": strategy, "full_refresh": full_refresh})
        types = {name: kind for name, kind in answer["types"].items() if not name.startswith("_airbyte_")}
        return Table(answer["processed"], types, answer["rows"])

    def types_in_bigquery(self, properties: dict[str, Any]) -> dict[str, str]:
        return self._ask({"types": properties})["types"]

    def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"PyAirbyte ended:\n{self.log[-5000:]}")
        return json.loads(line)


@contextmanager
def pyairbyte(folder: Path, destination: str, config: dict[str, Any], port: int = 0) -> Iterator[PyAirbyte]:
    """PyAirbyte with this connector as its source; `port` is where the destination listens."""
    given = {
        "destination": destination,
        "folder": str(folder),
        "port": port,
        "executable": str(REPOSITORY / ".venv/bin/source-kore-llm-logs"),
        "config": config,
    }
    session_file, log_file = folder / "session.json", folder / "pyairbyte.log"
    session_file.write_text(json.dumps(given))
    command = [str(environment(".venv-demo") / "python"), str(SESSION), str(session_file)]
    with (
        log_file.open("w") as log,
        subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            yield PyAirbyte(process, log_file)
        finally:
            process.kill()
