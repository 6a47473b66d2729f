"""STATE messages. The CDK's own follow the newest record, which does not prove that all older ones were read. Here, a
`CheckpointMessage` follows the records of each part through the CDK's queue, and becomes STATE in the main thread."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from airbyte_cdk.models import AirbyteMessage, AirbyteMessageSerializer, Type
from airbyte_cdk.sources.message import NoopMessageRepository
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor, FinalStateCursor
from airbyte_cdk.sources.streams.concurrent.default_stream import DefaultStream

from source_kore_llm_logs.records.timestamps import ms_to_iso
from source_kore_llm_logs.runtime.backpressure import EndOfPage

LONGEST_PAUSE = 5.0
BOTS_A_SECOND = 100  # A STATE message lists every bot, so with many bots there is one every few seconds at most.


class LlmUsageLogsStream(DefaultStream):
    """The manifest's stream, with one partition for each bot. The CDK emits no state of it. `initial_state` is what the
    sync starts from."""

    def __init__(self, stream: AbstractStream):
        vars(self).update(vars(stream))
        self.initial_state: Mapping[str, Any] = stream.cursor.state

    @property
    def cursor(self) -> Cursor:
        return FinalStateCursor(self.name, None, NoopMessageRepository())


class CheckpointMessage(AirbyteMessage):
    """All rows of the bot before `complete_until` (milliseconds since the epoch) are in earlier messages. It is never
    printed."""

    def __init__(self, bot_id: str, complete_until: int) -> None:
        super().__init__(type=Type.STATE)
        self.bot_id, self.complete_until = bot_id, complete_until


class Checkpoints:
    """The state of one stream: `{"states": [{"partition": {"bot_id": …}, "cursor": {"end_date": …}}]}`. Bots of
    `initial_state` that are no longer configured stay in it. Not thread-safe: for the main thread alone."""

    def __init__(self, stream_name: str, initial_state: Mapping[str, Any], clock: Callable[[], float] = time.monotonic):
        self._stream_name, self._clock = stream_name, clock
        states = initial_state.get("states") or ()
        self._cursors = {one["partition"]["bot_id"]: str(one["cursor"]["end_date"]) for one in states}
        self._printed_at: float | None = None
        self._has_changed = False

    def with_state_messages(self, messages: Iterable[AirbyteMessage]) -> Iterator[AirbyteMessage]:
        """The messages to print: each `CheckpointMessage` is replaced by STATE, each `EndOfPage` frees its page. STATE
        is printed at least once, and last; also before an exception is raised."""
        try:
            for message in messages:
                if isinstance(message, EndOfPage):
                    message.page.resize(0)
                elif isinstance(message, CheckpointMessage):
                    self._advance(message.bot_id, ms_to_iso(message.complete_until - 1))
                else:
                    yield message
                if self._is_due():
                    yield self._state()
        except Exception:
            yield self._state()
            raise
        if self._has_changed or self._printed_at is None:
            yield self._state()

    def _advance(self, bot_id: str, cursor: str) -> None:
        """Sets the cursor of a bot, unless that would move it back."""
        before = self._cursors.get(bot_id, "")
        self._cursors[bot_id] = max(cursor, before)
        self._has_changed |= cursor > before or self._printed_at is None

    def _is_due(self) -> bool:
        """Whether the state has changed, and enough time has passed since the last STATE message."""
        pause = min(LONGEST_PAUSE, len(self._cursors) / BOTS_A_SECOND)
        return self._has_changed and (self._printed_at is None or self._clock() - self._printed_at >= pause)

    def _state(self) -> AirbyteMessage:
        self._has_changed, self._printed_at = False, self._clock()
        states = [{"partition": {"bot_id": bot}, "cursor": {"end_date": end}} for bot, end in self._cursors.items()]
        stream = {
            "stream_descriptor": {"name": self._stream_name},
            "stream_state": {"use_global_cursor": False, "states": states},
        }
        return AirbyteMessageSerializer.load({"type": "STATE", "state": {"type": "STREAM", "stream": stream}})
