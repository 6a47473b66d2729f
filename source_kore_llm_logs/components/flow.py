"""How much of what was read is held in memory: a page is asked for when there is room for it.

The CDK lets ten thousand records wait between its workers and stdout, and every worker holds a page besides. Of small
rows that is nothing; of rows with 50 KB of prompt and answer it is half a gigabyte for each worker.
"""

import time
from collections.abc import Iterable, Iterator
from threading import Lock, local

from airbyte_cdk.models import AirbyteMessage, Type

MOST_BYTES_HELD = 16 * 1024 * 1024
"""As the API sent them; in memory a page takes a few times as much while it is read."""
LONGEST_WAIT_SECONDS = 60.0
"""Then the page is asked for all the same: whoever prints may have gone."""
NAP_SECONDS = 0.01


class Flow:
    """Pages that are on their way, and records that were not printed yet; shared by all workers of a sync."""

    def __init__(self, most_bytes: float = MOST_BYTES_HELD) -> None:
        self._most_bytes = most_bytes
        self._pages = self._rows = self._bytes = 0
        self._asked = self._kept = self._printed = 0
        self._this_worker = local()
        self._lock = Lock()

    def asks(self) -> None:
        """A request is about to be sent: returns when there is room for its page.

        One page is always let in; until the first has told how large they are, no second.
        """
        self.ends()
        until = time.monotonic() + LONGEST_WAIT_SECONDS
        while not self.enters(is_late=time.monotonic() >= until):
            time.sleep(NAP_SECONDS)
        self._this_worker.asks = True

    def enters(self, is_late: bool = False) -> bool:
        """Takes room for a page, and says whether there was any."""
        with self._lock:
            mean = self._bytes / self._pages if self._pages else self._most_bytes
            has_room = self._asked == 0 or (self._asked + 1) * mean <= self._most_bytes
            if is_late or (has_room and self.bytes_waiting <= self._most_bytes):
                self._asked += 1
                return True
            return False

    def ends(self) -> None:
        """Whatever this worker asked for last is handed on, or has failed: its room is free."""
        if getattr(self._this_worker, "asks", False):
            self._this_worker.asks = False
            with self._lock:
                self._asked -= 1

    def received(self, rows: int, size: int) -> None:
        """A page of so many rows and bytes."""
        with self._lock:
            self._pages += 1
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
