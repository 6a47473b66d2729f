"""What is read counts until it is printed, no request is sent without room for its page, and one can always go on."""

from collections.abc import Callable
from queue import Queue
from threading import Condition, Semaphore, Thread

import pytest

from source_kore_llm_logs.runtime.backpressure import Backpressure, EndOfPage, PageMemory


class WatchedCondition(Condition):
    """Whether somebody waits for it is seen, and not guessed from how long it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.release()
        return super().wait(timeout)


def started(work: Callable[[], object]) -> Thread:
    thread = Thread(target=work, daemon=True)
    thread.start()
    return thread


def taken(backpressure: Backpressure, size: int) -> PageMemory:
    page = PageMemory(backpressure, size)
    page.acquire()
    return page


@pytest.mark.parametrize(("before", "after", "asked"), [(600, 0, 500), (900, 300, 200), (1, 0, 50_000)])
def test_who_asks_for_a_page_waits_until_there_is_room_or_nothing_else_is_held(
    monkeypatch: pytest.MonkeyPatch, before: int, after: int, asked: int
) -> None:
    """A page is freed, or turns out smaller than was expected."""
    changed = WatchedCondition()
    monkeypatch.setattr("source_kore_llm_logs.runtime.backpressure.Condition", lambda: changed)
    backpressure = Backpressure(1000)
    page = taken(backpressure, before)
    waiting = started(lambda: taken(backpressure, asked))
    assert changed.waits.acquire(timeout=60)
    assert backpressure.held == before
    page.resize(after)
    waiting.join(10)
    assert backpressure.held == after + asked


def test_a_page_that_is_asked_for_again_holds_no_more_than_once() -> None:
    backpressure = Backpressure(1000)
    page = taken(backpressure, 600)
    page.acquire()
    assert backpressure.held == 600


@pytest.mark.parametrize("size", [7, 600, 5000])
def test_a_hundred_workers_behind_one_stalled_reader_all_come_to_an_end(size: int) -> None:
    """Some fail in between; what they hold is freed. The reader begins only when nobody can go on without it."""
    backpressure, printed, most = Backpressure(1000), Queue[EndOfPage | None](50), [0]

    def work(number: int) -> None:
        for request in range(5):
            page = taken(backpressure, size)
            page.resize(size + number % 3)
            most[0] = max(most[0], backpressure.held)
            if (number + request) % 7 == 0:
                page.resize(0)
                break
            printed.put(EndOfPage(page))
        printed.put(None)

    running = [started(lambda number=number: work(number)) for number in range(100)]  # type: ignore[misc]
    while running:
        mark = printed.get(timeout=60)
        if mark is None:
            running.pop()
        else:
            mark.page.resize(0)
    assert backpressure.held == 0
    assert most[0] <= max(1000, size) + 100 * 2  # Each may turn out two bytes larger than there was room for.
