"""Killed at any moment and resumed from the last STATE message, a sync ends complete."""

import json
import random
import subprocess
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from integration_tests.command import CATALOG, arguments, read
from integration_tests.kore_emulator import Emulator, Reading, generate_rows
from source_kore_llm_logs.records.record import to_record

BOTS = ("st-alpha", "st-beta")


def killed_read(config: dict[str, Any], state: list[Any] | None, lines: int) -> tuple[set[str], list[Any] | None]:
    """Reads until so many lines were printed, then `kill -9`; the ids and the last state that came out."""
    ids: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        line = arguments("read", Path(folder), config=config, catalog=CATALOG, state=state)
        process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for number, text in enumerate(process.stdout):
            try:
                message = json.loads(text)
            except json.JSONDecodeError:
                break
            if message["type"] == "RECORD":
                ids.add(message["record"]["data"]["id"])
            elif message["type"] == "STATE":
                state = [message["state"]]
            if number >= lines:
                process.kill()
                break
        process.kill()
        process.wait()
    return ids, state


def test_killed_over_and_over_a_sync_ends_complete() -> None:
    now = datetime.now(timezone.utc)
    rows = {
        bot: generate_rows(bot, now - timedelta(days=300), now - timedelta(minutes=5), 900, seed)
        for seed, bot in enumerate(BOTS)
    }
    chance = random.Random(7)
    with Emulator(rows, Reading(max_page=50)) as emulator:
        config = emulator.config(window_days=30)
        got: set[str] = set()
        state: list[Any] | None = None
        for _ in range(20):
            ids, state = killed_read(config, state, chance.randrange(2, 1900))
            got |= ids
        last = read(config, state)
        assert last.code == 0
        got |= set(last.ids)
        assert got == {to_record(bot, raw)["id"] for bot in BOTS for raw in emulator.rows(bot)}
