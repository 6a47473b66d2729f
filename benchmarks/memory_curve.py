"""Memory over a long sync: `python -m benchmarks.memory_curve` reads a million cheap rows and prints the curve.

A line for each tenth of the rows: the most memory that the connector's process held while it read them.
"""

import json
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.emulator_process import emulator
from integration_tests.command import CATALOG, arguments

BAR = 50
SAMPLE_EVERY = 500
"""Records."""


def resident_mb(pid: int) -> float:
    """Memory that the process holds at the moment."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main() -> int:
    parser = ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--bots", type=int, default=1)
    parser.add_argument("--payload", type=int, default=200, help="bytes")
    parser.add_argument("--days", type=int, default=80, help="the whole log; up to 84 can be one part")
    options = parser.parse_args()
    peaks = [0.0] * 10
    records = 0
    with (
        emulator(options.rows, options.bots, options.payload, options.days) as served,
        tempfile.TemporaryDirectory() as t,
    ):
        config = {**served, "end_date": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"}
        line = arguments("read", Path(t), config=config, catalog=json.loads(json.dumps(CATALOG)))
        began = time.monotonic()
        with subprocess.Popen(line, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for message in process.stdout:
                if message.startswith(b'{"type":"RECORD"'):
                    if records % SAMPLE_EVERY == 0:
                        tenth = min(9, records * 10 // options.rows)
                        peaks[tenth] = max(peaks[tenth], resident_mb(process.pid))
                    records += 1
        seconds = time.monotonic() - began
    print(f"{records:,} rows of {options.bots} bots in {options.days} days, {seconds:.0f} s, exit {process.returncode}")
    for tenth, peak in enumerate(peaks, start=1):
        print(f"{tenth * options.rows // 10:>10,} rows  {peak:6.0f} MB  {'#' * round(BAR * peak / max(peaks))}")
    return int(records != options.rows or process.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
