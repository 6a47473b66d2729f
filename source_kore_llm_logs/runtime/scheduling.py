"""Bots take turns: a worker that is free reads a window of the bot that has the fewest in work.

The CDK lists all windows of one bot before those of the next, and works them off in that order. Each bot has a rate
limit of its own, so one after the other they would take as many times as long as there are bots; and a bot that waits
for its limit would in time hold every worker.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Any

from airbyte_cdk.models import AirbyteStream
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.streams.concurrent.availability_strategy import StreamAvailability
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.types import Record

from source_kore_llm_logs.runtime.checkpoints import WindowCursor


class Windows:
    """The windows that nobody reads yet, bot by bot from old to new; shared by all workers."""

    def __init__(self, windows: Iterable[Partition]):
        self._waiting: dict[str, deque[Partition]] = {}
        for window in windows:
            self._waiting.setdefault(self._bot_of(window), deque()).append(window)
        self._in_work = dict.fromkeys(self._waiting, 0)
        self._lock = Lock()

    @staticmethod
    def _bot_of(window: Partition) -> str:
        return str((window.to_slice() or {}).get("bot_id", ""))

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def take(self) -> Partition:
        """The oldest window of the bot that has the fewest in work. Raises ValueError if none is left."""
        with self._lock:
            bot = min((bot for bot, windows in self._waiting.items() if windows), key=self._in_work.__getitem__)
            self._in_work[bot] += 1
            return self._waiting[bot].popleft()

    def give_back(self, window: Partition) -> None:
        """The window is read, or has failed."""
        with self._lock:
            self._in_work[self._bot_of(window)] -= 1


class Turn(Partition):
    """A place in the CDK's queue. Which window is read in it is decided when a worker comes to it."""

    def __init__(self, windows: Windows, stream_name: str):
        self._windows = windows
        self._stream_name = stream_name
        self.window: Partition | None = None

    def read(self) -> Iterable[Record]:
        self.window = self._windows.take()
        try:
            yield from self.window.read()
        finally:
            self._windows.give_back(self.window)

    def to_slice(self) -> Mapping[str, Any] | None:
        """The window's, once it is known."""
        return self.window.to_slice() if self.window else None

    def stream_name(self) -> str:
        return self._stream_name

    def __hash__(self) -> int:
        return id(self)


class BotsInTurn(AbstractStream):
    """The stream as the manifest makes it, its windows read in another order."""

    def __init__(self, stream: AbstractStream):
        self._stream = stream

    def generate_partitions(self) -> Iterable[Partition]:
        windows = Windows(self._stream.generate_partitions())
        return [Turn(windows, self.name) for _ in range(len(windows))]

    @property
    def name(self) -> str:
        return self._stream.name

    @property
    def cursor_field(self) -> str | None:
        return self._stream.cursor_field

    def get_json_schema(self) -> Mapping[str, Any]:
        return self._stream.get_json_schema()

    def as_airbyte_stream(self) -> AirbyteStream:
        return self._stream.as_airbyte_stream()

    def log_stream_sync_configuration(self) -> None:
        self._stream.log_stream_sync_configuration()

    @property
    def cursor(self) -> Cursor:
        return WindowCursor(self._stream.cursor)

    @property
    def block_simultaneous_read(self) -> str:
        return self._stream.block_simultaneous_read

    def check_availability(self) -> StreamAvailability:
        return self._stream.check_availability()
