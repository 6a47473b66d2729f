"""Bots take turns: their windows are read alternately, so that no bot waits until all windows of another are read.

The CDK lists all windows of one bot before those of the next, and works them off in that order. Each bot has a rate
limit of its own, so one after the other they would take as many times as long as there are bots.
"""

from collections.abc import Iterable, Mapping
from itertools import chain, zip_longest
from typing import Any

from airbyte_cdk.models import AirbyteStream
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.streams.concurrent.availability_strategy import StreamAvailability
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition

from source_kore_llm_logs.components.checkpoints import WindowCursor


class BotsInTurn(AbstractStream):
    """The stream as the manifest makes it, its partitions in another order: the first window of every bot, then the
    second of every bot, and so on; a bot's own windows from old to new."""

    def __init__(self, stream: AbstractStream):
        self._stream = stream

    def generate_partitions(self) -> Iterable[Partition]:
        windows: dict[str, list[Partition]] = {}
        for partition in self._stream.generate_partitions():
            windows.setdefault((partition.to_slice() or {}).get("bot_id", ""), []).append(partition)
        return (window for window in chain.from_iterable(zip_longest(*windows.values())) if window is not None)

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
