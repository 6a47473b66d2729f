"""Memory while nobody reads stdout: `python -m benchmarks.stalled_reader` prints the peaks beside the limit.

Twelve bots with rows of 50 KB, in pages of up to 1,000 rows. Whoever reads the messages stops after the first record
until the connector has stopped too, and then reads the rest.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import yaml

from benchmarks.emulator_process import TRANSFERS, emulator
from integration_tests.command import CATALOG, arguments

METADATA = yaml.safe_load((Path(__file__).parents[1] / "metadata.yaml").read_text())["data"]
LIMIT_MIB = int(
    METADATA["resourceRequirements"]["jobSpecific"][0]["resourceRequirements"]["memory_limit"].removesuffix("Mi")
)
IMAGE = dict(re.findall(r"(MALLOC_\w+)=(\d+)", (Path(__file__).parents[1] / "Dockerfile").read_text()))
"""What the image tells the C library."""
QUIET_SECONDS = 5.0
"""So long no CPU time is used: the connector stands still."""


@dataclass(frozen=True)
class Stalled:
    """Peak memory in MiB until the connector stood still, and until the end; None where it was not read to the end."""

    standing: float
    ended: float | None
    records: int
    code: int


def peak_mib(pid: int) -> float:
    """The most memory that the process has held so far."""
    (line,) = [text for text in Path(f"/proc/{pid}/status").read_text().splitlines() if text.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def wait_until_it_stands(pid: int, at_most_seconds: float) -> None:
    used, since, until = -1, time.monotonic(), time.monotonic() + at_most_seconds
    while time.monotonic() < min(since + QUIET_SECONDS, until):
        now = cpu_ticks(pid)
        if now > used + 2:
            used, since = now, time.monotonic()
        time.sleep(0.2)


def stalled_read(
    transfer: str, bots: int = 12, rows_a_bot: int = 1000, payload: int = 50_000, *, to_the_end: bool = False
) -> Stalled:
    """Reads with a reader that stops; afterwards to the end, or not."""
    with (
        emulator(rows_a_bot * bots, bots, payload, transfer=transfer) as served,
        tempfile.TemporaryDirectory() as folder,
    ):
        config = {**served, "end_date": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"}
        line = arguments("read", Path(folder), config=config, catalog=CATALOG)
        ended, records = None, 0
        with subprocess.Popen(line, stdout=subprocess.PIPE, env=os.environ | IMAGE) as process:
            assert process.stdout is not None
            for message in process.stdout:
                if message.startswith(b'{"type":"RECORD"'):
                    records += 1
                    break
            wait_until_it_stands(process.pid, at_most_seconds=120)
            standing = peak_mib(process.pid)
            if to_the_end:
                for message in process.stdout:
                    is_record = message.startswith(b'{"type":"RECORD"')
                    records += is_record
                    if not is_record:
                        ended = peak_mib(process.pid)
            else:
                process.kill()
        return Stalled(standing, ended, records, process.returncode)


def main() -> int:
    parser = ArgumentParser()
    parser.add_argument("--transfer", choices=TRANSFERS, nargs="*", default=TRANSFERS)
    parser.add_argument("--rows", type=int, default=1000, help="a bot")
    parser.add_argument("--bots", type=int, default=12)
    parser.add_argument("--payload", type=int, default=50_000, help="bytes")
    options = parser.parse_args()
    failed = False
    for transfer in options.transfer:
        seen = stalled_read(transfer, options.bots, options.rows, options.payload, to_the_end=True)
        whole = seen.records == options.rows * options.bots and seen.code == 0
        peak = max(seen.standing, seen.ended or 0.0)
        failed |= not whole or peak > LIMIT_MIB
        print(
            f"{transfer:8} {seen.records:,} records, standing still {seen.standing:.0f} MiB, "
            f"to the end {seen.ended or 0:.0f} MiB, limit {LIMIT_MIB} MiB, exit {seen.code}"
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
