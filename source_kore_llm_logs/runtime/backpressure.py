"""How much of what was read is held in memory: a page that arrives is read when there is room for it.

The CDK lets ten thousand records wait between its workers and stdout, and every worker holds a page besides. Of small
rows that is nothing; of rows with 50 KB of prompt and answer it is half a gigabyte for each worker. Until a page is
read, it waits on the connection and takes no memory here; so requests need not wait for each other.
"""

import time
from collections.abc import Iterable, Iterator
from threading import Lock, local

from airbyte_cdk.models import AirbyteMessage, Type

MOST_BYTES_HELD = 32 * 1024 * 1024
"""As the API sent them; in memory a page takes a few times as much while it is read."""
LONGEST_WAIT_SECONDS = 30.0
"""Then the page is read all the same: whoever prints may have gone, and the server waits to be rid of it."""
NAP_SECONDS = 0.01


class Flow:
    """Pages that are being read, and records that were not printed yet; shared by all workers of a sync."""

    def __init__(self, most_bytes: float = MOST_BYTES_HELD) -> None:
        self._most_bytes = most_bytes
        self._held = self._rows = self._bytes = self._kept = self._printed = 0
        self._worker = local()
        self._lock = Lock()

    def begins(self, size: int) -> None:
        """A page of so many bytes has begun to arrive: returns when there is room for it. One is always let in."""
        self.ends()
        until = time.monotonic() + LONGEST_WAIT_SECONDS
        while not self.enters(size, is_late=time.monotonic() >= until):
            time.sleep(NAP_SECONDS)
        self._worker.holds = size

    def enters(self, size: int, is_late: bool = False) -> bool:
        """Takes room for a page, and says whether there was any."""
        with self._lock:
            waiting = max(0.0, self.bytes_waiting)
            fits = self._held + size + waiting <= self._most_bytes
            if fits or is_late or (self._held == 0 and waiting <= self._most_bytes):
                self._held += size
                return True
            return False

    def ends(self) -> None:
        """Whatever this worker read last is handed on, or of no use: its room is free."""
        size, self._worker.holds = getattr(self._worker, "holds", 0), 0
        if size:
            with self._lock:
                self._held -= size

    def received(self, rows: int, size: int) -> None:
        """A page of so many rows and bytes."""
        with self._lock:
            self._rows += rows
            self._bytes += size

    def kept(self, records: int) -> None:
        """So many records of a page were handed to the CDK."""
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
        """Of records that were not printed, by the mean size of a row; below zero while a page is handed on."""
        return (self._kept - self._printed) * self._bytes / max(1, self._rows)
