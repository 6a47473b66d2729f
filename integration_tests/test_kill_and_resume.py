"""Killed at any moment and resumed from the last STATE message, a sync ends complete."""

import json
import random
from datetime import timedelta
from pathlib import Path

import pytest

from integration_tests.command import CATALOG, options, started
from integration_tests.in_process import sync
from integration_tests.kore_emulator import NOW, Emulator, Reading, generate_rows
from integration_tests.kore_emulator.behaviour import DAY
from source_kore_llm_logs.records.record import to_record

BOTS = ("st-alpha", "st-beta")


@pytest.mark.parametrize(
    "reading", [Reading(largest_limit=50), Reading(cut=DAY, order="arbitrary", latency_seconds=0.01)]
)
def test_killed_over_and_over_a_sync_ends_complete(reading: Reading, tmp_path: Path) -> None:
    rows = {
        bot: generate_rows(bot, NOW - timedelta(days=300), NOW - timedelta(minutes=5), 900, seed)
        for seed, bot in enumerate(BOTS)
    }
    chance, state, got = random.Random(7), None, set[str]()
    with Emulator(rows, reading) as emulator:
        config = emulator.config(window_days=30)
        for _ in range(5):
            documents = {"config": config, "catalog": CATALOG, "state": state}
            left = chance.randrange(1, 1900)
            with started(["read", *options(tmp_path, **documents)]) as stdout:
                while left and (text := stdout.readline()):
                    message = json.loads(text)
                    if message["type"] == "RECORD":
                        got.add(message["record"]["data"]["id"])
                        left -= 1
                    elif message["type"] == "STATE":
                        state = [message["state"]]
        last = sync(config, state)
    assert last.errors == []
    assert got | set(last.ids) == {to_record(bot, raw)["id"] for bot in BOTS for raw in rows[bot]}
