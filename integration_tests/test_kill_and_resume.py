"""Killed at any moment and resumed from the last STATE message, a sync ends complete, and little is read twice."""

import json
import random
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from integration_tests.command import CATALOG, options, read
from integration_tests.in_process import UNLIMITED
from integration_tests.kore_emulator import NOW, Emulator, Reading, even_rows, generate_rows
from integration_tests.kore_emulator.behaviour import DAY
from integration_tests.preloaded import started
from source_kore_llm_logs.records.record import to_record

BOTS = ("st-alpha", "st-beta")


def killed_read(config: dict[str, Any], state: list[Any] | None, records: int) -> tuple[set[str], list[Any] | None]:
    """Reads until so many records were printed, then `kill -9`; the ids and the last state that came out."""
    ids: set[str] = set()
    printed = 0
    with tempfile.TemporaryDirectory() as folder:
        words = ["read", *options(Path(folder), config=config, catalog=CATALOG, state=state)]
        with started(words) as stdout:
            for text in stdout:
                try:
                    message = json.loads(text)
                except json.JSONDecodeError:
                    break
                if message["type"] == "RECORD":
                    ids.add(message["record"]["data"]["id"])
                    printed += 1
                elif message["type"] == "STATE":
                    state = [message["state"]]
                if printed >= records:
                    break
    return ids, state


@pytest.mark.parametrize(
    "reading", [Reading(largest_limit=50), Reading(cut=DAY, order="arbitrary", latency_jitter_seconds=0.02)]
)
def test_killed_over_and_over_a_sync_ends_complete(reading: Reading) -> None:
    rows = {
        bot: generate_rows(bot, NOW - timedelta(days=300), NOW - timedelta(minutes=5), 900, seed)
        for seed, bot in enumerate(BOTS)
    }
    chance = random.Random(7)
    with Emulator(rows, reading) as emulator:
        config = emulator.config(window_days=30, **UNLIMITED)
        got: set[str] = set()
        state: list[Any] | None = None
        for _ in range(6):
            ids, state = killed_read(config, state, chance.randrange(1, 1900))
            got |= ids
        last = read(config, state)
        assert last.code == 0
        got |= set(last.ids)
        assert got == {to_record(bot, raw)["id"] for bot in BOTS for raw in emulator.rows(bot)}


def test_a_dense_log_that_is_killed_half_way_is_resumed_and_not_begun_again() -> None:
    bot, count, page = "st-dense", 20_000, 100
    end = NOW - timedelta(minutes=5)
    with Emulator({bot: even_rows(bot, end - timedelta(days=80), end, count)}) as emulator:
        config = emulator.config(page_size=page, **UNLIMITED)
        got, state = killed_read(config, None, 12_000)
        assert state is not None
        emulator.clear_requests()
        resumed = read(config, state)
        assert resumed.code == 0
        assert len(got | set(resumed.ids)) == count
        assert set(resumed.ids.values()) == {1}
        # 200 pages in all, 120 of them before the kill.
        assert len(emulator.requests) <= 170
