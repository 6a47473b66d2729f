"""STATE: how far each bot is read, told after each part.

The CDK tells its state every ten minutes at most, over all bots, and per slice; one slice is a bot's whole window here.
So the messages are made here, from what the planners say. The CDK's cursor gives the old state, and has the last word
only in a sync that has read nothing.
"""

from collections.abc import Iterator, Mapping
from threading import Lock
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


class Checkpoints:
    """The state of one stream: `{"states": [{"partition": {"bot_id": …}, "cursor": {"end_date": …}}]}`. Thread-safe.

    `before` is the state with which the sync begins; bots that are no longer configured stay in it.
    """

    def __init__(self, stream_name: str, before: Mapping[str, Any]):
        self._stream_name = stream_name
        self._reached = {
            state["partition"]["bot_id"]: str(state["cursor"]["end_date"]) for state in before.get("states") or ()
        }
        self._lock = Lock()
        self.is_told = False
        """Whether any state was told."""

    def tell(self, bot_id: str, reached: int) -> Iterator[AirbyteMessage]:
        """Yields one STATE message: this bot is read up to the moment `reached`, in milliseconds since the epoch.

        Yields nothing if that was told before. The lock is held until the consumer asks for what follows, which is when
        it has queued the message: states go out in the order in which they were made, and another thread blocks
        meanwhile. A bot's cursor never goes back.
        """
        with self._lock:
            cursor = max(iso_of(reached - 1), self._reached.get(bot_id, ""))
            if self.is_told and self._reached.get(bot_id) == cursor:
                return
            self._reached[bot_id] = cursor
            yield self._message()
            self.is_told = True

    def _message(self) -> AirbyteMessage:
        states = [
            {"partition": {"bot_id": bot_id}, "cursor": {"end_date": cursor}}
            for bot_id, cursor in self._reached.items()
        ]
        stream = AirbyteStreamState(
            StreamDescriptor(name=self._stream_name),
            AirbyteStateBlob(use_global_cursor=False, states=states),
        )
        return AirbyteMessage(type=Type.STATE, state=AirbyteStateMessage(type=AirbyteStateType.STREAM, stream=stream))
