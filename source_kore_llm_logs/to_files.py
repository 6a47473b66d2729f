"""A sync into files: `python -m source_kore_llm_logs.to_files --config config.json --folder kore`.

Each sync appends its records to `llm_usage_logs.jsonl` in the folder, one JSON object a line, and continues from
`state.json`. A state is saved only after its records are on the disk, so a sync that is interrupted loses nothing. The
next sync emits the records after the last state again, with the same `id`.
"""

import argparse
import fcntl
import json
import mmap
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from source_kore_llm_logs.runtime import signals
from source_kore_llm_logs.runtime.output import Stdout, to_stderr

STREAM = "llm_usage_logs"
SCHEMA = {"name": STREAM, "json_schema": {}, "supported_sync_modes": ["incremental"]}
CATALOG = {"streams": [{"stream": SCHEMA, "sync_mode": "incremental", "destination_sync_mode": "append"}]}


class Folder(Stdout):
    """Replaces stdout: appends the data of RECORD messages to one file, and saves the last STATE in another. Raises
    OSError if the folder cannot be used, and BlockingIOError if another sync is using it."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        records = os.open(folder / f"{STREAM}.jsonl", os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        fcntl.flock(records, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if size := os.fstat(records).st_size:  # A process that was killed may have left a line that is cut off.
            with mmap.mmap(records, size, access=mmap.ACCESS_READ) as content:
                size = content.rfind(b"\n") + 1
            os.ftruncate(records, size)
        super().__init__(records, f"The folder {folder}")
        self.state = folder / "state.json"

    def write_line(self, line: str) -> None:
        message = json.loads(line)
        if message["type"] == "RECORD":
            data = json.dumps(message["record"]["data"], ensure_ascii=False, separators=(",", ":"))
            self._add(f"{data}\n".encode(), at_once=False)
        elif message["type"] == "STATE":
            try:
                self._save(message["state"])
            except OSError as error:
                self._give_up(error.strerror)

    def write(self, text: str) -> int:
        """Drops the log, of which `run_command` prints warnings on stderr."""
        return len(text)

    def _save(self, state: Any) -> None:
        self.flush()
        os.fsync(self._descriptor)
        part = self.state.with_suffix(".part")
        with part.open("w") as file:
            json.dump([state], file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.state)
        folder = os.open(self.state.parent, os.O_RDONLY)
        with suppress(OSError):  # Some file systems cannot sync a folder.
            os.fsync(folder)
        os.close(folder)


def main() -> None:
    """Runs one sync and ends the process: with status 0, 1 after a failure or 2 after a wrong command line, or by a
    signal."""
    signals.install()
    parser = argparse.ArgumentParser(prog="python -m source_kore_llm_logs.to_files", description=__doc__)
    parser.add_argument("--config", required=True, help="the JSON file of the configuration")
    parser.add_argument("--folder", required=True, type=Path, help="where the records and the state are kept")
    options = parser.parse_args()
    try:
        folder = Folder(options.folder)
    except BlockingIOError:
        to_stderr(f"Another sync into {options.folder} is still running.")
        signals.end(0)
    except OSError as error:
        to_stderr(f"The folder {options.folder} cannot be written: {error.strerror}.")
        signals.end(1)
    folder.replace()
    reading, writing = os.pipe()
    os.write(writing, json.dumps(CATALOG).encode())
    os.close(writing)
    words = ["read", "--config", options.config, "--catalog", f"/dev/fd/{reading}"]
    from source_kore_llm_logs.command import run_command

    run_command(words + (["--state", str(folder.state)] if folder.state.exists() else []), folder, to_files=True)


if __name__ == "__main__":
    main()
