"""What is read counts until it is printed, no request is sent without room for its page, and one can always go on."""

from collections.abc import Callable
from queue import Queue
from threading import Thread

import pytest

from source_kore_llm_logs.runtime.backpressure import Backpressure, EndOfPage, HeldPage
from unit_tests.waiting import WatchedCondition, waits_for


def started(work: Callable[[], object]) -> Thread:
    thread = Thread(target=work, daemon=True)
    thread.start()
    return thread


def taken(backpressure: Backpressure, size: int) -> HeldPage:
    page = HeldPage(backpressure, size)
    page.take()
    return page


@pytest.fixture
def freed(monkeypatch: pytest.MonkeyPatch) -> WatchedCondition:
    """What who waits for room waits for."""
    condition = WatchedCondition()
    monkeypatch.setattr("source_kore_llm_logs.runtime.backpressure.Condition", lambda: condition)
    return condition


def test_a_page_counts_with_its_own_size_until_it_is_freed() -> None:
    backpressure = Backpressure(1000)
    page = taken(backpressure, 10)
    assert backpressure.held == 10
    page.resize(600)
    assert backpressure.held == 600
    page.resize(0)
    assert backpressure.held == 0


def test_a_page_that_is_asked_for_again_holds_no_more_than_once_and_nothing_while_it_waits(
    freed: WatchedCondition,
) -> None:
    backpressure = Backpressure(1000)
    page, other = taken(backpressure, 600), taken(backpressure, 300)
    page.take()
    assert backpressure.held == 900
    other.resize(900)
    again = started(page.take)
    assert waits_for(again, freed)
    assert backpressure.held == 900
    other.resize(0)
    again.join(10)
    assert backpressure.held == 600


def test_no_request_is_sent_while_the_budget_is_used_up(freed: WatchedCondition) -> None:
    backpressure = Backpressure(1000)
    first, _ = taken(backpressure, 600), taken(backpressure, 400)
    waiting = started(lambda: taken(backpressure, 1))
    assert waits_for(waiting, freed)
    assert backpressure.held == 1000
    first.resize(0)
    waiting.join(10)
    assert backpressure.held == 401


def test_a_page_that_turns_out_smaller_makes_room(freed: WatchedCondition) -> None:
    backpressure = Backpressure(1000)
    page = taken(backpressure, 900)
    waiting = started(lambda: taken(backpressure, 200))
    assert waits_for(waiting, freed)
    page.resize(300)
    waiting.join(10)
    assert backpressure.held == 500


def test_a_page_above_the_budget_is_read_when_nothing_else_is_held(freed: WatchedCondition) -> None:
    backpressure = Backpressure(1000)
    small = taken(backpressure, 1)
    large = started(lambda: taken(backpressure, 50_000))
    assert waits_for(large, freed)
    small.resize(0)
    large.join(10)
    assert backpressure.held == 50_000


@pytest.mark.parametrize("size", [7, 600, 5000])
def test_a_hundred_workers_behind_one_stalled_reader_all_come_to_an_end(size: int) -> None:
    """Some fail in between; what they hold is freed. The reader begins only when nobody can go on without it."""
    backpressure, printed, most = Backpressure(1000), Queue[EndOfPage | None](50), [0]

    def work(number: int) -> None:
        page = None
        try:
            for request in range(5):
                page = taken(backpressure, size)
                page.resize(size + number % 3)
                most[0] = max(most[0], backpressure.held)
                if (number + request) % 7 == 0:
                    raise RuntimeError
                printed.put(EndOfPage(page))
                page = None
        except RuntimeError:
            pass
        finally:
            if page is not None:
                page.resize(0)
            printed.put(None)

    workers = [started(lambda number=number: work(number)) for number in range(100)]  # type: ignore[misc]
    running = len(workers)
    while running:
        mark = printed.get(timeout=60)
        if mark is None:
            running -= 1
        else:
            mark.page.resize(0)
    assert backpressure.held == 0
    assert most[0] <= max(1000, size) + 100 * 2  # Each may turn out two bytes larger than there was room for.
