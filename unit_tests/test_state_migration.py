"""State of every shape is accepted; no bot starts from another bot's cursor, or from an instant it did not reach."""

import json
import logging
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from source_kore_llm_logs.components.state_migration import PerBotStateMigration, warn_of_retention
from source_kore_llm_logs.errors import ConnectorError
from source_kore_llm_logs.records.timestamps import to_iso

CASES: dict[str, Any] = json.loads((Path(__file__).parent / "fixtures" / "states.json").read_text())
NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", NOW.timestamp)


def of(bot: str, cursor: Any) -> dict[str, Any]:
    return {"partition": {"bot_id": bot}, "cursor": {"end_date": cursor}}


OWN = of("st-1", "2024-01-01T00:00:00.000Z")


def migrated(state: dict[str, Any]) -> dict[str, Any]:
    migration = PerBotStateMigration(config={"bot_ids": ["st-1", "st-2"]}, parameters={})
    return dict(migration.migrate(state)) if migration.should_migrate(state) else state


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"states": [OWN], "state": {"end_date": "2025-01-01T00:00:00.000Z"}, "lookback_window": 3}, [OWN]),
        # As a version to come may write it.
        ({"states": [{**OWN, "profile": 1, "cursor": {**OWN["cursor"], "until": "2999"}}], "version": 9}, [OWN]),
        ({"end_date": "2024-05-01T00:00:00Z"}, [of(bot, "2024-05-01T00:00:00.000Z") for bot in ("st-1", "st-2")]),
        ({"states": [], "state": {"end_date": "2025-01-01T00:00:00.000Z"}, "lookback_window": 0}, []),
        ({}, []),
    ],
)
def test_only_what_each_bot_has_reached_is_kept(written: dict[str, Any], read: list[Any]) -> None:
    state = migrated(written)
    assert state.get("states", []) == read
    assert "state" not in state


@pytest.mark.parametrize(("written", "instant"), [*CASES["cursors"].items(), (to_iso(NOW), to_iso(NOW))])
def test_a_cursor_means_its_instant(written: str, instant: str, caplog: pytest.LogCaptureFixture) -> None:
    assert migrated({"states": [of("st-1", written)]})["states"] == [of("st-1", instant)]
    assert caplog.records == []


def test_a_cursor_ahead_of_now_is_told_and_moved_to_the_end_of_a_sync_of_now(caplog: pytest.LogCaptureFixture) -> None:
    ahead = to_iso(NOW + timedelta(milliseconds=1))
    state = migrated({"states": [of("st-1", "2999-01-01T00:00:00Z"), of("st-2", ahead), of("st-3", "2998-01-01")]})
    moved = to_iso(NOW - timedelta(seconds=60))
    assert state["states"] == [of(bot, moved) for bot in ("st-1", "st-2", "st-3")]
    (told,) = caplog.messages
    assert told.startswith("The state of bot st-1, bot st-2 ends in the future")


@pytest.mark.parametrize("value", CASES["no cursors"])
def test_a_cursor_that_is_no_date_is_one_sentence_that_names_the_bot(value: Any) -> None:
    with pytest.raises(ConnectorError, match=r"The state of bot st-1 has no `end_date` that is a date.* or clear it"):
        migrated({"states": [of("st-1", value)]})
    # A bot that is no longer configured is not read, whatever its cursor is.
    assert migrated({"states": [of("st-9", value), OWN]})["states"] == [OWN]


@pytest.mark.parametrize("states", CASES["no states"])
def test_what_no_sync_has_written_is_refused_and_never_taken_for_no_state(states: Any) -> None:
    with pytest.raises(ConnectorError, match=r"The state .* or clear it"):
        migrated({"states": states})


@pytest.mark.parametrize(
    ("start_days_ago", "cursor_days_ago", "is_told"),
    [(400, None, True), (360, None, False), (400, 2, False), (800, 400, True), (30, 400, False)],
)
def test_what_is_older_than_kore_ai_keeps_is_told_once_however_many_bots_there_are(
    start_days_ago: int, cursor_days_ago: int | None, is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    bots = [f"st-{n}" for n in range(50)] if cursor_days_ago else ["st-1"]
    states = [of(bot, to_iso(NOW - timedelta(days=cursor_days_ago or 0))) for bot in bots] if cursor_days_ago else []
    start = to_iso(NOW - timedelta(days=start_days_ago))
    warn_of_retention({"bot_ids": bots, "start_date": start}, {"states": states})
    assert ["365 days" in line for line in caplog.messages] == [True] * is_told
    assert all(record.levelno == logging.WARNING for record in caplog.records)
