"""Which part of which bot is read next.

The unit of work is a part. The CDK asks for partitions and reads them with its workers; here a partition is one part,
made when a worker is free for it: of the bot with the fewest parts under way, so that each bot uses its own rate limit
from the first minute on, and its oldest part first. How many parts of one bot are read side by side depends on how fast
its server is. -> log_of_bot.py

A bot that failed gets no further part; the others go on.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Condition
from typing import Any

from airbyte_cdk.models import AirbyteMessage, AirbyteStream
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.streams.concurrent.availability_strategy import StreamAvailability
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.types import Record, StreamSlice

from source_kore_llm_logs.reading.planner import Planned
from source_kore_llm_logs.runtime.checkpoints import Checkpoints
from source_kore_llm_logs.runtime.log_of_bot import LogOfBot
from source_kore_llm_logs.runtime.sync_report import SyncReport


class PartPartition(Partition):
    """One part of one bot. It yields records, marks of backpressure, and at its end a STATE message."""

    def __init__(self, stream: "ScheduledStream", stream_slice: StreamSlice, log: LogOfBot, planned: Planned):
        self._stream, self._slice, self._log, self._planned = stream, stream_slice, log, planned

    def read(self) -> Iterable[Record]:
        """Yields them; one thread iterates. Blocks while requests are under way. Raises Fault, which names the bot."""
        return self._read()  # type: ignore[return-value]  # The CDK passes messages on as they are.

    def _read(self) -> Iterator[Record | AirbyteMessage]:
        backpressure = self._stream.report.backpressure
        try:
            for row in self._log.rows(self._planned):
                if row is None:
                    yield backpressure.handed_on()
                    self._stream.may_go_on()
                else:
                    yield Record(row.record, self._stream.name, self._slice)
            yield from self._stream.checkpoints.tell(self._log.bot.id, self._log.planner.reached)
        finally:
            backpressure.release()
            self._stream.ends_part(self._log)

    def to_slice(self) -> Mapping[str, Any] | None:
        return self._slice

    def stream_name(self) -> str:
        return self._stream.name

    def __hash__(self) -> int:
        return id(self)


class CursorOfParts(Cursor):
    """The manifest's cursor, which is asked where bots begin and told nothing: what was read is in the checkpoints."""

    def __init__(self, cursor: Cursor, checkpoints: Checkpoints):
        self._cursor, self._checkpoints = cursor, checkpoints

    def observe(self, record: Record) -> None:
        """Nothing: a row does not say how far its bot is read."""

    def close_partition(self, partition: Partition) -> None:
        """Nothing: a part is not a slice."""

    def ensure_at_least_one_state_emitted(self) -> None:
        if not self._checkpoints.is_told:
            self._cursor.ensure_at_least_one_state_emitted()

    @property
    def state(self) -> Any:
        return self._cursor.state

    def should_be_synced(self, record: Record) -> bool:
        return self._cursor.should_be_synced(record)

    def stream_slices(self) -> Iterable[StreamSlice]:
        return self._cursor.stream_slices()


class ScheduledStream(AbstractStream):
    """The stream as the manifest makes it, its bots' windows read in parts.

    `workers`: parts at once, over all bots. `requests_a_second`: the permitted rate of one bot. One thread asks for
    partitions; any thread may read one.
    """

    def __init__(self, stream: AbstractStream, report: SyncReport, workers: int, requests_a_second: float):
        self._stream = stream
        self.report = report
        self.checkpoints = Checkpoints(stream.name, stream.cursor.state)
        self._workers, self._requests_a_second = workers, requests_a_second
        self._logs: list[tuple[StreamSlice, LogOfBot]] = []
        self._changed = Condition()

    def generate_partitions(self) -> Iterable[Partition]:
        """The parts, each when there is a worker for it. Blocks until there is one; ends when all bots are read or have
        failed."""
        opens: Callable[[StreamSlice], LogOfBot] | None = self.report.opens
        assert opens is not None
        for partition in self._stream.generate_partitions():
            stream_slice = partition.to_slice()
            assert isinstance(stream_slice, StreamSlice)
            log = opens(stream_slice)
            log.requests_a_second = self._requests_a_second
            self._logs.append((stream_slice, log))
        while (part := self._next()) is not None:
            yield part

    def _next(self) -> PartPartition | None:
        with self._changed:
            while not all(log.is_done for _, log in self._logs):
                if sum(log.under_way for _, log in self._logs) < self._workers:
                    for stream_slice, log in sorted(self._logs, key=lambda entry: entry[1].under_way):
                        planned = self._part_of(log)
                        if planned is not None:
                            log.under_way += 1
                            return PartPartition(self, stream_slice, log, planned)
                self._changed.wait()
            return None

    def _part_of(self, log: LogOfBot) -> Planned | None:
        at_once = log.planner.side_by_side = log.parts_at_once(self._requests_a_second)
        return None if log.has_failed or log.under_way >= at_once else log.planner.take()

    def ends_part(self, log: LogOfBot) -> None:
        """A part of this log is not under way any more."""
        with self._changed:
            log.under_way -= 1
            self._changed.notify()

    def may_go_on(self) -> None:
        """Another part may be planned by now."""
        with self._changed:
            self._changed.notify()

    @property
    def cursor(self) -> Cursor:
        return CursorOfParts(self._stream.cursor, self.checkpoints)

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
