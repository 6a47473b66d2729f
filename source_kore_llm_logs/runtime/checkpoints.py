"""STATE: how far each bot is read. The CDK's own follows the newest record that it saw, which proves nothing here.

A bot's log tells after each part how far it is complete. That travels through the CDK's queue behind the part's records
(`Reached`), and becomes a STATE message in the main thread, where messages are printed in their order.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteStateBlob,
    AirbyteStateMessage,
    AirbyteStateType,
    AirbyteStreamState,
    StreamDescriptor,
    Type,
)

from source_kore_llm_logs.records.timestamps import iso_of
from source_kore_llm_logs.runtime.backpressure import EndOfPage

LONGEST_PAUSE = 5.0
BOTS_A_SECOND = 100
"""A STATE message lists every bot: with many of them it comes every few seconds at most."""


class Reached(AirbyteMessage):
    """Every row of the bot before the moment `until`, in milliseconds since the epoch, is in the messages before this
    one. It is never printed."""

    def __init__(self, bot_id: str, until: int) -> None:
        super().__init__(type=Type.STATE)
        self.bot_id, self.until = bot_id, until


class Checkpoints:
    """The state of one stream: `{"states": [{"partition": {"bot_id": …}, "cursor": {"end_date": …}}]}`. The main thread
    alone uses it.

    `before` is the state with which the sync begins; bots that are no longer configured stay in it.
    """

    def __init__(self, stream_name: str, before: Mapping[str, Any], clock: Callable[[], float] = time.monotonic):
        self._stream_name, self._clock = stream_name, clock
        self._reached = {
            state["partition"]["bot_id"]: str(state["cursor"]["end_date"]) for state in before.get("states") or ()
        }
        self._printed_at: float | None = None
        self._is_due = False

    def merged(self, messages: Iterable[AirbyteMessage]) -> Iterator[AirbyteMessage]:
        """The messages as they are to be printed: STATE in place of what was reached, and nothing of the CDK's own once
        there is some. The last comes before the stream's final status, and before an exception."""
        try:
            for message in messages:
                if isinstance(message, EndOfPage):
                    message.page.free()
                elif isinstance(message, Reached):
                    yield from self._reaches(message)
                elif message.type is not Type.STATE:
                    if message.type is Type.TRACE or self._is_time():
                        yield from self._rest()
                    yield message
                elif self._printed_at is None and not self._is_due:
                    yield message
        except Exception:
            yield from self._rest()
            raise
        yield from self._rest()

    def _reaches(self, message: Reached) -> Iterator[AirbyteMessage]:
        cursor = max(iso_of(message.until - 1), self._reached.get(message.bot_id, ""))
        if self._printed_at is not None and self._reached.get(message.bot_id) == cursor:
            return
        self._reached[message.bot_id], self._is_due = cursor, True
        if self._is_time():
            yield from self._rest()

    def _is_time(self) -> bool:
        """Whether a STATE message that is due has waited long enough behind the last one."""
        pause = min(LONGEST_PAUSE, len(self._reached) / BOTS_A_SECOND)
        return self._is_due and (self._printed_at is None or self._clock() - self._printed_at >= pause)

    def _rest(self) -> Iterator[AirbyteMessage]:
        if not self._is_due:
            return
        self._is_due, self._printed_at = False, self._clock()
        states = [
            {"partition": {"bot_id": bot_id}, "cursor": {"end_date": cursor}}
            for bot_id, cursor in self._reached.items()
        ]
        stream = AirbyteStreamState(
            StreamDescriptor(name=self._stream_name), AirbyteStateBlob(use_global_cursor=False, states=states)
        )
        yield AirbyteMessage(type=Type.STATE, state=AirbyteStateMessage(type=AirbyteStateType.STREAM, stream=stream))
