"""What one source with many bots takes: `python -m benchmarks.many_bots` reads 300 and prints a line for each sync.

A first sync, and the idle one that follows it, beside the emulator on the same machine. Limits of requests are lifted,
so that the program itself is measured. Threads and memory are sampled at each message that is printed.
"""

import json
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.emulator_process import emulator, requests_so_far
from integration_tests.command import CATALOG, arguments, run


@dataclass
class Sync:
    """What one `read` took, from the start of its process."""

    records: int = 0
    seconds_to_first_record: float | None = None
    seconds: float = 0.0
    most_threads: int = 0
    peak_megabytes: float = 0.0
    largest_state_bytes: int = 0
    states: int = 0
    last_state: list[dict[str, Any]] = field(default_factory=list)
    code: int | None = None

    def sample(self, pid: int) -> None:
        """Reads the process's own account of its threads and of the most memory it has held."""
        lines = (line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        status = {name: value.split()[0] for name, value in lines if value.strip()}
        if "VmHWM" in status:  # A process that has ended has none.
            self.most_threads = max(self.most_threads, int(status["Threads"]))
            self.peak_megabytes = max(self.peak_megabytes, int(status["VmHWM"]) / 1000)


def measured(config: dict[str, Any], state: list[dict[str, Any]] | None) -> Sync:
    """One sync; its records are counted and dropped."""
    sync = Sync()
    with tempfile.TemporaryDirectory() as folder:
        line = arguments("read", Path(folder), config=config, catalog=CATALOG, state=state)
        began = time.monotonic()
        with subprocess.Popen(line, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for text in process.stdout:
                message = json.loads(text)
                sync.sample(process.pid)
                if message["type"] == "RECORD":
                    if not sync.records:
                        sync.seconds_to_first_record = time.monotonic() - began
                    sync.records += 1
                elif message["type"] == "STATE":
                    sync.states += 1
                    sync.largest_state_bytes = max(sync.largest_state_bytes, len(text))
                    sync.last_state = [message["state"]]
        sync.seconds, sync.code = time.monotonic() - began, process.returncode
    return sync


def told(name: str, sync: Sync, requests: int) -> str:
    first = "none" if sync.seconds_to_first_record is None else f"after {sync.seconds_to_first_record:.1f} s"
    return (
        f"{name}: exit {sync.code}, {sync.seconds:.1f} s; {sync.records:,} records, the first {first}; "
        f"{requests:,} requests; at most {sync.most_threads} threads and {sync.peak_megabytes:.0f} MB; "
        f"{sync.states} states of at most {sync.largest_state_bytes / 1000:.1f} KB"
    )


def main() -> int:
    parser = ArgumentParser()
    parser.add_argument("--bots", type=int, default=300)
    parser.add_argument("--rows", type=int, default=200, help="of each bot")
    parser.add_argument("--payload", type=int, default=2_500, help="bytes")
    parser.add_argument("--days", type=int, default=365, help="the whole log")
    options = parser.parse_args()
    rows = options.bots * options.rows
    with emulator(rows, options.bots, options.payload, options.days) as config:
        began = time.monotonic()
        checked = run("check", timeout=600, config=config)
        asked = requests_so_far(config)
        print(f"check: exit {checked.code}, {time.monotonic() - began:.1f} s, {asked} requests")
        first = measured(config, None)
        asked_then = requests_so_far(config)
        print(told(f"first sync of {options.bots} bots", first, asked_then - asked))
        idle = measured(config, first.last_state)
        print(told("the next, with nothing new", idle, requests_so_far(config) - asked_then))
    return int((checked.code, first.code, idle.code) != (0, 0, 0) or first.records != rows)


if __name__ == "__main__":
    sys.exit(main())
