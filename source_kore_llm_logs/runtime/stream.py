"""The manifest's stream, of which the CDK's cursor says where bots begin and nothing more. -> checkpoints.py"""

from collections.abc import Iterable, Mapping
from typing import Any

from airbyte_cdk.models import AirbyteStream
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.streams.concurrent.availability_strategy import StreamAvailability
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.types import Record, StreamSlice


class CursorOfBots(Cursor):
    """The manifest's cursor, which is asked for slices and told nothing: a row does not say how far its bot is read."""

    def __init__(self, cursor: Cursor):
        self._cursor = cursor

    def observe(self, record: Record) -> None:
        """Nothing."""

    def close_partition(self, partition: Partition) -> None:
        """Nothing."""

    def ensure_at_least_one_state_emitted(self) -> None:
        self._cursor.ensure_at_least_one_state_emitted()

    @property
    def state(self) -> Any:
        return self._cursor.state

    def should_be_synced(self, record: Record) -> bool:
        return self._cursor.should_be_synced(record)

    def stream_slices(self) -> Iterable[StreamSlice]:
        return self._cursor.stream_slices()


class StreamOfBots(AbstractStream):
    """The stream, one partition a bot. Threads may share it as they may share the manifest's."""

    def __init__(self, stream: AbstractStream):
        self._stream = stream
        self._cursor = CursorOfBots(stream.cursor)

    @property
    def cursor(self) -> Cursor:
        return self._cursor

    def generate_partitions(self) -> Iterable[Partition]:
        return self._stream.generate_partitions()

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
    def block_simultaneous_read(self) -> str:
        return self._stream.block_simultaneous_read

    def check_availability(self) -> StreamAvailability:
        return self._stream.check_availability()
