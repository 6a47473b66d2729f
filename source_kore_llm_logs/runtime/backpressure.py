"""How much of what was read is held in memory: the budget of a sync, in bytes of the API's answers.

The CDK lets ten thousand records wait between its workers and stdout, and every worker reads a page besides. Of small
rows that is nothing; of rows with 50 KB of prompt and answer it is gigabytes. So a request is sent only when there is
room for its page, and a page counts until its last record has been printed.
"""

from threading import Condition

from airbyte_cdk.models import AirbyteMessage, Type

MOST_BYTES_HELD = 32 * 1024 * 1024
"""As JSON; in Python's objects a page takes a few times as much."""


class Backpressure:
    """The budget of a sync. Thread-safe."""

    def __init__(self, most_bytes: float = MOST_BYTES_HELD) -> None:
        self._most_bytes = most_bytes
        self._held = 0
        self._freed = Condition()

    @property
    def held(self) -> int:
        """Bytes at the moment."""
        return self._held

    def page(self, size: int) -> "HeldPage":
        """Room for a page of about this size. Blocks until it fits, or nothing else is held.

        There is no deadlock: what is held is freed by the main thread, which waits for the reader of stdout alone.
        """
        with self._freed:
            self._freed.wait_for(lambda: not self._held or self._held + size <= self._most_bytes)
            self._held += size
        return HeldPage(self, size)

    def change(self, size: int) -> None:
        """So many bytes more are held; fewer, if that is negative. Never blocks."""
        with self._freed:
            self._held += size
            self._freed.notify_all()


class HeldPage:
    """The room of one page. Thread-safe in that one thread at a time uses it."""

    def __init__(self, backpressure: Backpressure, size: int) -> None:
        self._backpressure, self._size = backpressure, size

    def resize(self, size: int) -> None:
        """The page has this size. It may be more than there was room for."""
        self._backpressure.change(size - self._size)
        self._size = size

    def free(self) -> None:
        """The page is held no longer."""
        self.resize(0)


class EndOfPage(AirbyteMessage):
    """Travels behind a page's last record through the CDK's queue, and frees the page. It is never printed."""

    def __init__(self, page: HeldPage) -> None:
        super().__init__(type=Type.CONTROL)
        self.page = page
