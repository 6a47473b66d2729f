"""A running log to point a connector at: `python -m integration_tests.kore_emulator --port 8099`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Event
from typing import Any, get_type_hints

from .reading import Reading, fits
from .rows import DEMO_BOTS, Bot, generate_rows
from .server import Emulator


def parse_reading(settings: Sequence[str]) -> Reading:
    """`KEY=VALUE` pairs as a reading: numbers, true, false, null and objects as in JSON, lists with commas."""
    kinds = get_type_hints(Reading)
    options: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or name not in kinds:
            raise ValueError(f"{setting!r} is not KEY=VALUE with a KEY of {', '.join(sorted(kinds))}")
        values = [text, *_json(text)]
        for parts in ([None if part in ("", "none") else part for part in text.split(",")], *_json(f"[{text}]")):
            values += [tuple(parts), frozenset(part for part in parts if isinstance(part, (str, int)))]
        options[name] = next((value for value in values if fits(value, kinds[name])), text)
    return Reading(**options)


def _json(text: str) -> list[Any]:
    try:
        return [json.loads(text)]
    except json.JSONDecodeError:
        return []


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve generated rows until interrupted."""
    parser = argparse.ArgumentParser(prog="kore_emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--bots", type=int, default=3)
    parser.add_argument("--days", type=float, default=200)
    parser.add_argument("--rows-per-day", type=float, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reading", metavar="KEY=VALUE", nargs="+", action="extend", default=[])
    parser.add_argument("--config-file", type=Path)
    options = parser.parse_args(arguments)
    try:
        reading = parse_reading(options.reading)
    except (TypeError, ValueError) as error:
        parser.error(str(error))

    now = datetime.now(timezone.utc)
    end = now - timedelta(minutes=2)
    start = end - timedelta(days=options.days)
    count = round(options.days * options.rows_per_day)
    rows = {bot.id: generate_rows(bot.id, start, end, count, options.seed) for bot in _bots(options.bots)}

    interrupted = Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: interrupted.set())
    try:
        server = Emulator(rows, reading, host=options.host, port=options.port, now=now)
    except ValueError as error:
        parser.error(str(error))
    with server as emulator:
        config = json.dumps(emulator.config(), indent=2)
        if options.config_file:
            options.config_file.write_text(config + "\n", encoding="utf-8")
        print(
            f"Playing Kore.ai at {emulator.url} with {count} rows for each of {len(rows)} bots; "
            "a config to read them all:",
            file=sys.stderr,
        )
        print(config, flush=True)
        while not interrupted.wait(1):
            pass
    return 0


def _bots(count: int) -> list[Bot]:
    more = [
        Bot(f"st-00000000-0000-5000-8000-{number:012d}", f"Bot {number}")
        for number in range(len(DEMO_BOTS) + 1, count + 1)
    ]  # fmt: skip
    return [*DEMO_BOTS, *more][:count]


if __name__ == "__main__":
    sys.exit(main())
