"""A new bot starts at `start_date`.

The CDK's per-partition state also carries a cursor for all partitions together, from which a bot without a
state of its own would start: everything before it would be missing, without a word.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from airbyte_cdk.sources.declarative.migrations.state_migration import StateMigration
from airbyte_cdk.sources.types import Config

from source_kore_llm_logs.errors import Fault
from source_kore_llm_logs.records.timestamps import instant


def refuse(what: str) -> NoReturn:
    """Raises the Fault of a state that no sync has written."""
    raise Fault(f"The state {what}. Give the state of the last sync as it was written, or clear it to read all again.")


@dataclass
class StateOfEachBot(StateMigration):
    """Keeps only what each bot has reached itself; accepts every shape of state that was ever written.

    - `{"states": [{"partition": {"bot_id": …}, "cursor": {"end_date": …}}], …}`: the global keys are dropped;
    - `{"end_date": …}`: the cursor of every configured bot.
    """

    config: Config

    def should_migrate(self, stream_state: Mapping[str, Any]) -> bool:
        return bool(stream_state)

    def migrate(self, stream_state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raises Fault (config error) for anything else."""
        states = stream_state.get("states") or []
        if not isinstance(states, list):
            refuse("has no list under `states`")
        reached = stream_state.get("end_date")
        if reached is None and not states and stream_state.get("use_global_cursor"):
            reached = self._end_date("all bots", stream_state.get("state") or {})
        if not states and reached is not None:
            states = [{"partition": {"bot_id": bot}, "cursor": {"end_date": reached}} for bot in self.config["bot_ids"]]
        return {"use_global_cursor": False, "states": [self._own(state) for state in states]} if states else {}

    def _own(self, state: Any) -> Mapping[str, Any]:
        partition = state.get("partition") if isinstance(state, dict) else None
        bot_id = partition.get("bot_id") if isinstance(partition, dict) else None
        if not isinstance(bot_id, str) or not bot_id:
            refuse("has an entry without a `bot_id`")
        end_date = self._end_date(f"bot {bot_id}", state.get("cursor"))
        return {"partition": {"bot_id": bot_id}, "cursor": {"end_date": end_date}}

    @staticmethod
    def _end_date(whose: str, cursor: Any) -> str:
        end_date = instant(cursor.get("end_date")) if isinstance(cursor, dict) else None
        if not isinstance(end_date, str):
            refuse(f"of {whose} has no `end_date` that is a date")
        return end_date
