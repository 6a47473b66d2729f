"""Migrates the state so that each bot continues from its own cursor alone, a moment in UTC that has passed. The CDK's
state also has one cursor for all partitions: a bot without its own would start there, and silently miss what is older.
And the CDK ignores a cursor's offset from UTC, and reads nothing if a cursor lies ahead."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import InitVar, dataclass
from datetime import timedelta
from typing import Any

from airbyte_cdk.models import AirbyteStateMessage
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.declarative.migrations.state_migration import StateMigration
from airbyte_cdk.sources.types import Config

from source_kore_llm_logs.components.config_normalization import SETTLING_DELAY, parse_config_date, trimmed
from source_kore_llm_logs.errors import ConnectorError
from source_kore_llm_logs.manifest import named
from source_kore_llm_logs.records.timestamps import EPOCH, now, to_iso

logger = logging.getLogger("airbyte")

RETENTION_DAYS = 365  # Kore.ai keeps logs of LLM calls as long [D]; that this API shows those logs is [I].
REMEDY = "Give the state of the last sync as it was written, or clear it to read all again."


@dataclass
class PerBotStateMigration(StateMigration):
    """Keeps the `states` that `Checkpoints` writes and drops the rest. Without them, an `end_date` becomes the cursor
    of every configured bot. Raises ConnectorError for an invalid state."""

    config: Config
    parameters: InitVar[Mapping[str, Any]]

    def should_migrate(self, stream_state: Mapping[str, Any]) -> bool:
        return True

    def migrate(self, stream_state: Mapping[str, Any]) -> Mapping[str, Any]:
        present, ahead, states = now(), list[str](), list[Mapping[str, Any]]()
        for bot, value in self._cursors(stream_state):
            try:
                cursor = parse_config_date(trimmed(value) if isinstance(value, str) else "")
            except ValueError:
                if bot not in self.config["bot_ids"]:
                    continue
                what = f"The state of bot {bot} has no `end_date` that is a date such as 2025-01-31T00:00:00.000Z."
                raise ConnectorError(f"{what} {REMEDY}") from None
            if cursor > present:
                ahead += [bot] * (bot in self.config["bot_ids"])
                cursor = present - SETTLING_DELAY
            cursor = max(cursor, EPOCH)  # The lookback is subtracted from it.
            states.append({"partition": {"bot_id": bot}, "cursor": {"end_date": to_iso(cursor)}})
        if ahead:
            logger.warning(
                "The state of bot %s ends in the future: the clock was or is wrong. It is read from now minus the "
                "lookback on; if rows are missing, clear the state.",
                ", bot ".join(ahead),
            )
        return {"use_global_cursor": False, "states": states} if states else {}

    def _cursors(self, stream_state: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Pairs of bot id and cursor, as they stand in the state."""
        try:
            for one in stream_state.get("states") or ():
                bot, end = one["partition"]["bot_id"], one["cursor"].get("end_date")
                if not isinstance(bot, str):
                    raise TypeError
                yield bot, end
        except (TypeError, KeyError, AttributeError):
            raise ConnectorError(f"The state has an entry in `states` that is not of a bot. {REMEDY}") from None
        if not stream_state.get("states") and "end_date" in stream_state:
            yield from ((bot, stream_state["end_date"]) for bot in self.config["bot_ids"])


def warn_of_unused_state(state: list[AirbyteStateMessage], stream_name: str) -> None:
    """Logs one warning if there is a state, but the CDK ignores it: it is LEGACY, or of other streams only."""
    if state and all(one.name != stream_name for one in ConnectorStateManager(state).per_stream_states):
        logger.warning("The state holds nothing of the stream `%s`, so the sync begins at the start date.", stream_name)


def warn_of_retention(config: Config, state: Mapping[str, Any]) -> None:
    """Logs one warning if a sync from this state asks for older logs than Kore.ai keeps."""
    cursors = {one["partition"]["bot_id"]: str(one["cursor"]["end_date"]) for one in state.get("states") or ()}
    start = config["start_date"]
    earliest = min(max(cursors.get(bot, start), start) for bot in config["bot_ids"])
    if earliest < to_iso(now() - timedelta(days=RETENTION_DAYS)):
        logger.warning(
            "Calls since %s are asked for. Kore.ai's documentation says that it keeps the logs of LLM calls for %d "
            "days: what is older may be gone. %s need not be earlier than that.",
            earliest[:10], RETENTION_DAYS, named("start_date"),
        )  # fmt: skip
