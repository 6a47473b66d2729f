"""Killed at any moment and resumed from the last STATE message, a sync ends complete, and little is read twice."""

import json
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from integration_tests.command import CATALOG, options, started
from integration_tests.in_process import sync
from integration_tests.kore_emulator import NOW, Emulator, Reading, even_rows, generate_rows
from integration_tests.kore_emulator.behaviour import DAY
from source_kore_llm_logs.records.record import to_record

BOTS = ("st-alpha", "st-beta")


def killed_read(
    folder: Path, config: dict[str, Any], state: list[Any] | None, records: int
) -> tuple[set[str], list[Any] | None]:
    """Reads until so many records were printed, then `kill -9`; the ids and the last state that came out."""
    ids: set[str] = set()
    printed = 0
    with started(["read", *options(folder, config=config, catalog=CATALOG, state=state)]) as stdout:
        for text in stdout:
            message = json.loads(text)
            if message["type"] == "RECORD":
                ids.add(message["record"]["data"]["id"])
                printed += 1
            elif message["type"] == "STATE":
                state = [message["state"]]
            if printed >= records:
                break
    return ids, state


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
            ids, state = killed_read(tmp_path, config, state, chance.randrange(1, 1900))
            got |= ids
        last = sync(config, state)
    assert last.errors == []
    assert got | set(last.ids) == {to_record(bot, raw)["id"] for bot in BOTS for raw in rows[bot]}


def test_a_dense_log_that_is_killed_half_way_is_resumed_and_not_begun_again(tmp_path: Path) -> None:
    bot, count, page = "st-dense", 8_000, 100
    end = NOW - timedelta(minutes=5)
    with Emulator({bot: even_rows(bot, end - timedelta(days=80), end, count)}) as emulator:
        config = emulator.config(page_size=page, window_days=20)
        got, state = killed_read(tmp_path, config, None, 5_000)
        assert state is not None
        emulator.clear_requests()
        resumed = sync(config, state)
        assert resumed.errors == []
        assert len(got | set(resumed.ids)) == count
        assert set(resumed.ids.values()) == {1}
        # 80 pages in four parts; 40 of them lie before the last state.
        assert len(emulator.requests) <= 70
