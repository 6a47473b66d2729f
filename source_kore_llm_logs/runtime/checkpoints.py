"""A window is checkpointed whole: its end is what the cursor learns, once, from `WindowRetriever`.

The CDK shows its cursor every record besides. For that it parses the date three times and hashes the window's
description twice, a fifth of all the CPU time of a sync, to learn nothing: no row that a window owns lies beyond what
the retriever observes for it.
"""

from collections.abc import Iterable, MutableMapping
from typing import Any

from airbyte_cdk.sources.streams.concurrent.cursor import Cursor
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.types import Record, StreamSlice


class WindowCursor(Cursor):
    """The manifest's cursor, to which single rows are not shown."""

    def __init__(self, cursor: Cursor):
        self._cursor = cursor

    def observe(self, record: Record) -> None:
        """Nothing: see above."""

    @property
    def state(self) -> MutableMapping[str, Any]:
        return self._cursor.state

    def close_partition(self, partition: Partition) -> None:
        self._cursor.close_partition(partition)

    def ensure_at_least_one_state_emitted(self) -> None:
        self._cursor.ensure_at_least_one_state_emitted()

    def should_be_synced(self, record: Record) -> bool:
        return self._cursor.should_be_synced(record)

    def stream_slices(self) -> Iterable[StreamSlice]:
        return self._cursor.stream_slices()
