"""How much of what was read waits to be printed: the next page is asked for when there is room for it.

The CDK lets ten thousand records wait between its workers and stdout. Of small rows that is nothing; of rows with
50 KB of prompt and answer it is half a gigabyte for each of the workers.
"""

import time
from collections.abc import Iterable, Iterator
from threading import Lock

from airbyte_cdk.models import AirbyteMessage, Type

MOST_BYTES_WAITING = 8 * 1024 * 1024
LONGEST_WAIT_SECONDS = 60.0
"""Then the page is asked for all the same: whoever prints may have gone."""
NAP_SECONDS = 0.02


class Flow:
    """Bytes of rows that were received and not printed yet, by the mean size of a row; shared by all workers."""

    def __init__(self) -> None:
        self._rows = self._bytes = self._kept = self._printed = 0
        self._lock = Lock()

    def received(self, rows: int, size: int) -> None:
        """A page of so many rows and bytes."""
        with self._lock:
            self._rows += rows
            self._bytes += size

    def kept(self, records: int) -> None:
        """So many records were handed to the CDK."""
        with self._lock:
            self._kept += records

    def printing(self, messages: Iterable[AirbyteMessage]) -> Iterator[AirbyteMessage]:
        """The messages, on their way to stdout."""
        for message in messages:
            if message.type is Type.RECORD:
                self._printed += 1
            yield message

    @property
    def bytes_waiting(self) -> float:
        """Less than nothing if records were printed before their page was counted."""
        return (self._kept - self._printed) * self._bytes / max(1, self._rows)

    def wait_for_room(self) -> None:
        """Returns when a page may be asked for."""
        until = time.monotonic() + LONGEST_WAIT_SECONDS
        while self.bytes_waiting > MOST_BYTES_WAITING and time.monotonic() < until:
            time.sleep(NAP_SECONDS)
