"""A running log to point a connector at: `python -m integration_tests.kore_emulator --port 8099`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from .reading import Reading
from .rows import DEMO_BOTS, generate_rows
from .server import Emulator

ENDS = (signal.SIGINT, signal.SIGTERM)


def parse_reading(text: str) -> Reading:
    """The options of a reading as a JSON object. Raises ArgumentTypeError for one that there is not, or cannot be."""
    try:
        options: dict[str, Any] = json.loads(text)
        for name, value in options.items():
            if isinstance(getattr(Reading, name, None), frozenset):
                options[name] = frozenset(value)
        return Reading(**options)
    except (TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def main() -> None:
    """Serve generated rows until interrupted."""
    parser = argparse.ArgumentParser(prog="kore_emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--bots", type=int, default=3)
    parser.add_argument("--days", type=float, default=200)
    parser.add_argument("--rows-per-day", type=float, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reading", metavar="JSON", type=parse_reading, help='for example {"largest_limit": 50}')
    parser.add_argument("--config-file", type=Path)
    options = parser.parse_args()

    now = datetime.now(timezone.utc)
    end = now - timedelta(minutes=2)
    start = end - timedelta(days=options.days)
    count = round(options.days * options.rows_per_day)
    numbers = range(len(DEMO_BOTS) + 1, options.bots + 1)
    bots = [*DEMO_BOTS, *(f"st-00000000-0000-5000-8000-{number:012d}" for number in numbers)]
    rows = {bot: generate_rows(bot, start, end, count, options.seed) for bot in bots[: options.bots]}

    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    with Emulator(rows, options.reading, port=options.port, now=now) as emulator:
        config = json.dumps(emulator.config(), indent=2)
        if options.config_file:
            options.config_file.write_text(config + "\n", encoding="utf-8")
        print(f"Playing Kore.ai at {emulator.url}, {count} rows for each of {len(rows)} bots.", file=sys.stderr)
        print(config, flush=True)
        signal.sigwait(ENDS)


if __name__ == "__main__":
    main()
