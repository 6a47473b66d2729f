"""Limits how much of the API's answers a sync holds in memory. The CDK's queue takes ten thousand records: gigabytes,
if each has 50 KB of prompt and answer. So a request is sent only when its page fits, and a page counts until its last
record is printed."""

from threading import Condition

from airbyte_cdk.models import AirbyteMessage, Type

MOST_BYTES_HELD = 32 * 1024 * 1024  # Of JSON; as Python objects a page takes a few times as much.


class Backpressure:
    """The limit of a sync, of which `held` bytes are in use. Thread-safe. It cannot deadlock: the main thread frees
    what is held, and waits for nothing but the reader of stdout."""

    def __init__(self, most_bytes: int = MOST_BYTES_HELD) -> None:
        self.held, self._most_bytes, self._changed = 0, most_bytes, Condition()

    def add(self, size: int, when_it_fits: bool = False) -> None:
        """Adds `size` bytes, which may be negative. With `when_it_fits`, blocks until they fit or nothing else is
        held."""
        with self._changed:
            if when_it_fits:
                self._changed.wait_for(lambda: not self.held or self.held + size <= self._most_bytes)
            self.held += size
            self._changed.notify_all()


class PageMemory:
    """The memory of one page: `expected` bytes until its size is known. Not thread-safe: threads take turns."""

    def __init__(self, backpressure: Backpressure, expected: int) -> None:
        self._backpressure, self._expected, self._size = backpressure, expected, 0

    def acquire(self) -> None:
        """Releases what the page holds, then blocks until the expected bytes fit."""
        self.resize(0)
        self._backpressure.add(self._expected, when_it_fits=True)
        self._size = self._expected

    def resize(self, size: int) -> None:
        """Sets the page's real size, without blocking. 0 releases it."""
        self._backpressure.add(size - self._size)
        self._size = size


class EndOfPage(AirbyteMessage):
    """Follows a page's last record through the CDK's queue. It is never printed."""

    def __init__(self, page: PageMemory) -> None:
        super().__init__(type=Type.CONTROL)
        self.page = page
