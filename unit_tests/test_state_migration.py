"""State of every shape is accepted, and no bot starts from another bot's cursor."""

from typing import Any

import pytest

from source_kore_llm_logs.components.state_migration import StateOfEachBot
from source_kore_llm_logs.errors import Fault

OWN = {"partition": {"bot_id": "st-1"}, "cursor": {"end_date": "2024-01-01T00:00:00.000Z"}}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"states": [OWN], "state": {"end_date": "2025-01-01T00:00:00.000Z"}, "lookback_window": 3}, [OWN]),
        ({"states": [OWN]}, [OWN]),
        (
            {"end_date": "2024-05-01T00:00:00Z"},
            [
                {"partition": {"bot_id": bot}, "cursor": {"end_date": "2024-05-01T00:00:00.000Z"}}
                for bot in ("st-1", "st-2")
            ],
        ),
        ({"states": [], "state": {"end_date": "2025-01-01T00:00:00.000Z"}, "lookback_window": 0}, []),
        ({}, []),
    ],
)
def test_only_what_each_bot_has_reached_is_kept(written: dict[str, Any], read: list[Any]) -> None:
    migration = StateOfEachBot(config={"bot_ids": ["st-1", "st-2"]})
    state = migration.migrate(written) if migration.should_migrate(written) else written
    assert state.get("states", []) == read
    assert "state" not in state


@pytest.mark.parametrize(
    "broken",
    [
        {"states": 5},
        {"states": ["a"]},
        {"states": [None]},
        {"states": [{"partition": {"bot_id": {"a": 1}}, "cursor": {"end_date": "2024-01-01"}}]},
        {"states": [{**OWN, "cursor": "2024"}]},
        {"states": [{**OWN, "cursor": {"end_date": "yesterday"}}]},
        {"states": [OWN, {"partition": OWN["partition"]}]},
        {"end_date": {"a": 1}},
        {"use_global_cursor": True, "state": "x"},
    ],
)
def test_what_no_sync_has_written_is_refused_and_never_taken_for_no_state(broken: dict[str, Any]) -> None:
    with pytest.raises(Fault, match=r"The state .* or clear it"):
        StateOfEachBot(config={"bot_ids": ["st-1"]}).migrate(broken)
