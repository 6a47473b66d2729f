"""A new bot starts at `start_date`.

The CDK's per-partition state also carries a cursor for all partitions together, from which a bot without a
state of its own would start: everything before it would be missing, without a word.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airbyte_cdk.sources.declarative.migrations.state_migration import StateMigration
from airbyte_cdk.sources.types import Config


@dataclass
class StateOfEachBot(StateMigration):
    """Keeps only what each bot has reached itself; accepts every shape of state that was ever written.

    - `{"states": [{"partition": {"bot_id": …}, "cursor": {"end_date": …}}], …}`: the global keys are dropped;
    - `{"end_date": …}`: the cursor of every configured bot.
    """

    config: Config

    def should_migrate(self, stream_state: Mapping[str, Any]) -> bool:
        return bool(stream_state) and (
            "states" not in stream_state
            or not {"state", "lookback_window", "parent_state"}.isdisjoint(stream_state)
            or bool(stream_state.get("use_global_cursor"))
        )

    def migrate(self, stream_state: Mapping[str, Any]) -> Mapping[str, Any]:
        states = [
            {"partition": {"bot_id": state["partition"]["bot_id"]}, "cursor": state["cursor"]}
            for state in stream_state.get("states") or []
            if (state.get("partition") or {}).get("bot_id") and (state.get("cursor") or {}).get("end_date")
        ]
        if not states:
            reached = stream_state.get("end_date")
            if reached is None and not stream_state.get("states") and stream_state.get("use_global_cursor"):
                reached = (stream_state.get("state") or {}).get("end_date")
            if reached is None:
                return {}
            states = [{"partition": {"bot_id": bot}, "cursor": {"end_date": reached}} for bot in self.config["bot_ids"]]
        return {"use_global_cursor": False, "states": states}
