"""Where each bot goes on: its own cursor and no other bot's, as an exact instant that has passed.

The CDK's per-partition state also carries a cursor for all partitions together, from which a bot without a
state of its own would start: everything before it would be missing, without a word. And it takes a cursor with an
offset for UTC, and waits in silence for one that lies ahead.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, NoReturn

from airbyte_cdk.models import AirbyteStateMessage, ConfiguredAirbyteCatalog, SyncMode
from airbyte_cdk.sources.declarative.migrations.state_migration import StateMigration
from airbyte_cdk.sources.types import Config

from source_kore_llm_logs.components.config_normalization import SETTLING_DELAY, moment_of, trimmed
from source_kore_llm_logs.errors import Fault
from source_kore_llm_logs.manifest import named
from source_kore_llm_logs.records.timestamps import iso_ms, now

logger = logging.getLogger("airbyte")

RETENTION = timedelta(days=365)
"""How long Kore.ai keeps the logs of LLM calls [D]; that they are what this API shows is [I]."""
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def state_to_resume(
    state: list[AirbyteStateMessage] | None, catalog: ConfiguredAirbyteCatalog | None
) -> list[AirbyteStateMessage] | None:
    """None where the stream is read in full: the CDK would resume from a state of any kind all the same.

    Airbyte hands none over then, because the catalog says that the stream is not resumable: a second attempt is a new
    generation, which replaces what the first one wrote.
    """
    if catalog and any(stream.sync_mode is SyncMode.full_refresh for stream in catalog.streams):
        return None
    return state


def refuse(what: str) -> NoReturn:
    """Raises the Fault of a state that no sync has written."""
    raise Fault(f"The state {what}. Give the state of the last sync as it was written, or clear it to read all again.")


def _end_date(cursor: Any) -> Any:
    return cursor.get("end_date") if isinstance(cursor, dict) else None


@dataclass
class StateOfEachBot(StateMigration):
    """Keeps only what each bot has reached itself; accepts every shape of state that was ever written.

    - `{"states": [{"partition": {"bot_id": …}, "cursor": {"end_date": …}}], …}`: the global keys are dropped;
    - `{"end_date": …}`: the cursor of every configured bot.

    Raises Fault for what is no state. Says in one line of a sync's log where it goes back further than Kore.ai keeps
    its logs.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._is_sync = bool(parameters.get("is_sync"))

    def should_migrate(self, stream_state: Mapping[str, Any]) -> bool:
        return True

    def migrate(self, stream_state: Mapping[str, Any]) -> Mapping[str, Any]:
        present = now()
        reached, ahead = dict[str, datetime](), list[str]()
        for bot, value in self._cursors(stream_state):
            try:
                cursor = moment_of(trimmed(value) if isinstance(value, str) else "")
            except ValueError:
                if bot not in self.config["bot_ids"]:
                    continue
                refuse(f"of bot {bot} has no `end_date` that is a date such as 2025-01-31T00:00:00.000Z")
            if cursor > present:
                ahead += [bot] * (bot in self.config["bot_ids"])
                cursor = present - SETTLING_DELAY
            reached[bot] = max(cursor, EPOCH)  # The lookback is subtracted from it.
        if ahead:
            logger.warning(
                "The state of bots %s ends in the future: the clock was or is wrong. They are read from now minus "
                "the lookback on; if rows are missing, clear the state.",
                ", ".join(ahead),
            )
        if self._is_sync:
            self._tell_of_retention([reached.get(bot) for bot in self.config["bot_ids"]])
        if not reached:
            return {}
        states = [
            {"partition": {"bot_id": bot}, "cursor": {"end_date": iso_ms(cursor)}} for bot, cursor in reached.items()
        ]
        return {"use_global_cursor": False, "states": states}

    def _cursors(self, stream_state: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Each bot and its cursor as it was written."""
        states = stream_state.get("states") or []
        if not isinstance(states, list):
            refuse("has no list under `states`")
        for state in states:
            partition = state.get("partition") if isinstance(state, dict) else None
            bot = partition.get("bot_id") if isinstance(partition, dict) else None
            if not isinstance(bot, str) or not bot:
                refuse("has an entry without a `bot_id`")
            yield bot, _end_date(state.get("cursor"))
        if states:
            return
        reached = stream_state.get("end_date")
        if reached is None and stream_state.get("use_global_cursor") and stream_state.get("state"):
            reached = _end_date(stream_state["state"]) or ""
        if reached is not None:
            for bot in self.config["bot_ids"]:
                yield bot, reached

    def _tell_of_retention(self, reached: Sequence[datetime | None]) -> None:
        start = moment_of(self.config["start_date"])
        earliest = min(max(cursor, start) if cursor else start for cursor in reached)
        if now() - earliest > RETENTION:
            logger.warning(
                "Calls since %s are asked for. Kore.ai's documentation says that it keeps the logs of LLM calls for %d "
                "days: what is older may be gone. %s need not be earlier than that.",
                f"{earliest:%Y-%m-%d}",
                RETENTION.days,
                named("start_date"),
            )
