"""How much of what was read is held in memory: the budget of a sync, in bytes of the API's answers.

The CDK lets ten thousand records wait between its workers and stdout, and every worker reads a page besides. Of small
rows that is nothing; of rows with 50 KB of prompt and answer it is gigabytes. So every byte of an answer is counted as
it arrives, decoded, however it was sent; and its page counts until its last record has been printed. A page for which
there is no room is not read on: it waits on the connection.
"""

from collections.abc import Iterable, Iterator
from threading import Condition, local
from typing import Any

import requests
from airbyte_cdk.models import AirbyteMessage, Type

MOST_BYTES_HELD = 32 * 1024 * 1024
"""As JSON; in Python's objects a page takes a few times as much."""


class _Page:
    """Bytes that are held for one answer."""

    def __init__(self) -> None:
        self.size = 0


class EndOfPage(AirbyteMessage):
    """Travels behind a page's last record through the CDK's queue. It is never printed."""

    def __init__(self, page: _Page | None) -> None:
        super().__init__(type=Type.CONTROL)
        self.page = page


class Backpressure:
    """Pages that are being read, and pages whose records were not printed yet. Thread-safe; one for a sync.

    A worker reads one page at a time. For each request it calls, in this order:

    1. `wait()` before it sends the request;
    2. `count(response)` before it reads the answer's body;
    3. `handed_on()` after the page's last record, and hands on what that gives as if it were a record. Where the answer
       is of no use, or leaves no record, `release()` instead; and always before it blocks on anything else.

    There is no deadlock: the oldest page is never kept waiting, and it is freed by the main thread, which waits for
    nothing but the reader of stdout. At most the budget and one page are held.
    """

    def __init__(self, most_bytes: float = MOST_BYTES_HELD) -> None:
        self._most_bytes = most_bytes
        self._held = 0
        self._pages: dict[_Page, None] = {}  # The oldest first.
        self._freed = Condition()
        self._worker = local()

    @property
    def held(self) -> int:
        """Bytes at the moment."""
        return self._held

    def wait(self) -> None:
        """Blocks while the budget is used up. Releases what the worker read before."""
        self.release()
        with self._freed:
            self._freed.wait_for(lambda: self._held < self._most_bytes)

    def count(self, response: requests.Response) -> None:
        """From here on, reading the answer's body blocks while there is no room for more of it."""
        self.release()
        page = self._worker.page = _Page()
        with self._freed:
            self._pages[page] = None
        response.raw = _CountedBody(response.raw, self, page)

    def grow(self, page: _Page, size: int) -> None:
        """Blocks until so many bytes more fit, or the page is the oldest."""
        with self._freed:
            self._freed.wait_for(lambda: self._held + size <= self._most_bytes or page is next(iter(self._pages)))
            page.size += size
            self._held += size

    def handed_on(self) -> EndOfPage:
        """The mark that frees the page which this worker read last, once all before it is printed. Never blocks."""
        return EndOfPage(self._take())

    def release(self) -> None:
        """What this worker read last is of no use any more, unless it was handed on. Never blocks."""
        self._free(self._take())

    def printing(self, messages: Iterable[AirbyteMessage]) -> Iterator[AirbyteMessage]:
        """The messages on their way to stdout, without the marks."""
        for message in messages:
            if isinstance(message, EndOfPage):
                self._free(message.page)
            else:
                yield message

    def _take(self) -> _Page | None:
        page: _Page | None = getattr(self._worker, "page", None)
        self._worker.page = None
        return page

    def _free(self, page: _Page | None) -> None:
        if page is not None:
            with self._freed:
                self._held -= page.size
                del self._pages[page]
                self._freed.notify_all()


class _CountedBody:
    """The body of a `requests` answer, its decoded bytes counted before they are kept."""

    def __init__(self, body: Any, backpressure: Backpressure, page: _Page):
        self._body, self._backpressure, self._page = body, backpressure, page

    def stream(self, size: int, decode_content: bool | None = None) -> Iterator[bytes]:
        for chunk in self._body.stream(size, decode_content=decode_content):
            self._backpressure.grow(self._page, len(chunk))
            yield chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)
