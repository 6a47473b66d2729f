"""How much of what was read is held in memory: the budget of a sync, in bytes of the API's answers.

The CDK lets ten thousand records wait before stdout: of rows with 50 KB of prompt and answer that is gigabytes. So a
request is sent only when there is room for its page, and a page counts until its last record is printed."""

from threading import Condition

from airbyte_cdk.models import AirbyteMessage, Type

MOST_BYTES_HELD = 32 * 1024 * 1024  # As JSON; in Python's objects a page takes a few times as much.


class Backpressure:
    """The budget of a sync; `held` bytes of it are used. Thread-safe. There is no deadlock: what is held is freed by
    the main thread, which waits for the reader of stdout alone."""

    def __init__(self, most_bytes: int = MOST_BYTES_HELD) -> None:
        self.held, self._most_bytes, self._changed = 0, most_bytes, Condition()

    def add(self, size: int, when_it_fits: bool = False) -> None:
        """So many bytes more are held, or fewer; `when_it_fits`, it blocks until they fit, or nothing else is held."""
        with self._changed:
            if when_it_fits:
                self._changed.wait_for(lambda: not self.held or self.held + size <= self._most_bytes)
            self.held += size
            self._changed.notify_all()


class HeldPage:
    """The room of one page, of which about `expected` bytes are expected. One thread at a time uses it."""

    def __init__(self, backpressure: Backpressure, expected: int) -> None:
        self._backpressure, self._expected, self._size = backpressure, expected, 0

    def take(self) -> None:
        """Blocks until there is room for the page, which gives up what it holds before."""
        self.resize(0)
        self._backpressure.add(self._expected, when_it_fits=True)
        self._size = self._expected

    def resize(self, size: int) -> None:
        """The page has this size, which may be more than there was room for. 0 frees it."""
        self._backpressure.add(size - self._size)
        self._size = size


class EndOfPage(AirbyteMessage):
    """Travels behind a page's last record through the CDK's queue. It is never printed."""

    def __init__(self, page: HeldPage) -> None:
        super().__init__(type=Type.CONTROL)
        self.page = page
