"""STATE: how far each bot is read. The CDK's own follows the newest record that it saw, which proves nothing here.

How far a bot is complete travels through the CDK's queue behind the records of each part (`Reached`), and becomes a
STATE message in the main thread, where messages are printed in their order."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from airbyte_cdk.models import AirbyteMessage, AirbyteMessageSerializer, Type
from airbyte_cdk.sources.message import NoopMessageRepository
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor, FinalStateCursor
from airbyte_cdk.sources.streams.concurrent.default_stream import DefaultStream

from source_kore_llm_logs.records.timestamps import iso_of
from source_kore_llm_logs.runtime.backpressure import EndOfPage

LONGEST_PAUSE = 5.0
BOTS_A_SECOND = 100  # A STATE message lists every bot: of many it comes every few seconds at most.


class StreamOfBots(DefaultStream):
    """The manifest's stream, one partition a bot, of which the CDK makes no state. `state_before`: the sync begins with
    it."""

    def __init__(self, stream: AbstractStream):
        vars(self).update(vars(stream))
        self.state_before: Mapping[str, Any] = stream.cursor.state

    @property
    def cursor(self) -> Cursor:
        return FinalStateCursor(self.name, None, NoopMessageRepository())


class Reached(AirbyteMessage):
    """Every row of the bot before `until` (milliseconds since the epoch) is in the messages before. Never printed."""

    def __init__(self, bot_id: str, until: int) -> None:
        super().__init__(type=Type.STATE)
        self.bot_id, self.until = bot_id, until


class Checkpoints:
    """The state of one stream: `{"states": [{"partition": {"bot_id": …}, "cursor": {"end_date": …}}]}`, which begins as
    `before`: bots that are no longer configured stay in it. The main thread alone uses it."""

    def __init__(self, stream_name: str, before: Mapping[str, Any], clock: Callable[[], float] = time.monotonic):
        self._stream_name, self._clock = stream_name, clock
        states = before.get("states") or ()
        self._cursors = {one["partition"]["bot_id"]: str(one["cursor"]["end_date"]) for one in states}
        self._printed_at: float | None = None
        self._is_due = False

    def merged(self, messages: Iterable[AirbyteMessage]) -> Iterator[AirbyteMessage]:
        """The messages as they are to be printed: STATE in place of `Reached`, and pages freed. The last STATE, one at
        least, comes behind them all, and before an exception."""
        try:
            for message in messages:
                if isinstance(message, EndOfPage):
                    message.page.resize(0)
                elif isinstance(message, Reached):
                    self._reach(message.bot_id, iso_of(message.until - 1))
                else:
                    yield message
                if self._is_time():
                    yield self._state()
        except Exception:
            yield self._state()
            raise
        if self._is_due or self._printed_at is None:
            yield self._state()

    def _reach(self, bot_id: str, cursor: str) -> None:
        """A cursor never goes back. One that is the same is printed only if it is the first."""
        before = self._cursors.get(bot_id, "")
        self._cursors[bot_id] = max(cursor, before)
        self._is_due |= cursor > before or self._printed_at is None

    def _is_time(self) -> bool:
        """Whether a STATE message that is due has waited long enough behind the last one."""
        pause = min(LONGEST_PAUSE, len(self._cursors) / BOTS_A_SECOND)
        return self._is_due and (self._printed_at is None or self._clock() - self._printed_at >= pause)

    def _state(self) -> AirbyteMessage:
        self._is_due, self._printed_at = False, self._clock()
        states = [{"partition": {"bot_id": bot}, "cursor": {"end_date": end}} for bot, end in self._cursors.items()]
        stream = {
            "stream_descriptor": {"name": self._stream_name},
            "stream_state": {"use_global_cursor": False, "states": states},
        }
        return AirbyteMessageSerializer.load({"type": "STATE", "state": {"type": "STREAM", "stream": stream}})
