"""The emulated Kore.ai that the demo reads, as a process that never outlives the demo."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

REPOSITORY = Path(__file__).resolve().parent.parent
START_SECONDS = 60


@dataclass(frozen=True)
class Emulator:
    """A running emulator: its address and a ready config for the connector."""

    url: str
    config: dict[str, Any]

    def get(self, path: str) -> Any:
        """Ask one of the emulator's own pages, which the real API does not have."""
        answer = requests.get(f"{self.url}/_emulator/{path}", timeout=60)
        answer.raise_for_status()
        return answer.json()

    def add_rows(self, count_per_bot: int) -> dict[str, int]:
        """Let every bot make more calls; how many each bot made."""
        answer = requests.post(f"{self.url}/_emulator/rows", json={"count_per_bot": count_per_bot}, timeout=60)
        answer.raise_for_status()
        added: dict[str, int] = answer.json()["added"]
        return added

    def request_count(self) -> int:
        """How many API requests the emulator has answered so far."""
        requests_seen = self.get("requests")
        return int(requests_seen["count"]) if isinstance(requests_seen, dict) else len(requests_seen)


@contextmanager
def running_emulator(folder: Path, *, bots: int, days: int, rows_per_day: int) -> Iterator[Emulator]:
    """Start the emulator, wait until it answers, and stop it whatever happens."""
    port = _free_port()
    config_file = folder / "config.json"
    command = [
        str(REPOSITORY / ".venv/bin/python"),
        *("-m", "integration_tests.kore_emulator"),
        *("--port", str(port)),
        *("--bots", str(bots)),
        *("--days", str(days)),
        *("--rows-per-day", str(rows_per_day)),
        *("--seed", "1"),
        *("--config-file", str(config_file)),
    ]
    log_file = folder / "emulator.log"
    with log_file.open("w") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=subprocess.STDOUT)
        try:
            url = f"http://127.0.0.1:{port}"  # ignore-https-check: this machine itself
            config = _config_once_answering(process, url, config_file, log_file)
            yield Emulator(url, config)
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _config_once_answering(
    process: subprocess.Popen[bytes], url: str, config_file: Path, log_file: Path
) -> dict[str, Any]:
    """Wait for the server and for its config: it writes the one after the other, in no promised order."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if requests.get(f"{url}/_emulator/rows", timeout=5).ok:
                config: dict[str, Any] = json.loads(config_file.read_text())
                return config
        except (requests.ConnectionError, FileNotFoundError, json.JSONDecodeError):
            pass
        time.sleep(0.2)
    raise RuntimeError(f"The emulator did not start:\n{log_file.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
