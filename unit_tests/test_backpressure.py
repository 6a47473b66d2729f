"""What is read is counted as it arrives and until it is printed, and one page can always go on."""

import gzip
import io
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
import requests
from airbyte_cdk.models import AirbyteMessage, AirbyteRecordMessage, Type
from urllib3 import HTTPResponse

from source_kore_llm_logs.runtime.backpressure import Backpressure
from source_kore_llm_logs.runtime.sync_report import current_report
from unit_tests.waiting import WatchedCondition, waits_for

RECORD = AirbyteMessage(type=Type.RECORD, record=AirbyteRecordMessage(stream="s", data={}, emitted_at=0))


def answer(size: int, **headers: str) -> requests.Response:
    """One that has not been read yet."""
    body = b"x" * size
    response = requests.Response()
    response.raw = HTTPResponse(
        io.BytesIO(gzip.compress(body) if headers else body), headers=headers, preload_content=False
    )
    return response


def read(backpressure: Backpressure, size: int) -> None:
    response = answer(size)
    backpressure.count(response)
    assert len(response.content) == size


def started(work: Callable[[], object]) -> Thread:
    thread = Thread(target=work, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("headers", [{}, {"content-encoding": "gzip"}])
def test_bytes_are_counted_as_decoded(headers: dict[str, str]) -> None:
    backpressure = Backpressure(10**9)
    response = answer(100_000, **headers)
    backpressure.count(response)
    assert backpressure.held == 0
    assert response.content == b"x" * 100_000
    assert backpressure.held == 100_000


def test_a_page_counts_until_the_mark_behind_its_last_record_is_reached() -> None:
    backpressure = Backpressure(1000)
    read(backpressure, 600)
    printed = backpressure.printing([RECORD, RECORD, backpressure.handed_on(), RECORD])
    assert [next(printed), next(printed)] == [RECORD, RECORD]
    assert backpressure.held == 600
    assert list(printed) == [RECORD]
    assert backpressure.held == 0


def test_a_page_that_was_handed_on_is_not_freed_by_its_worker() -> None:
    backpressure = Backpressure(1000)
    read(backpressure, 600)
    mark = backpressure.handed_on()
    backpressure.release()
    assert backpressure.held == 600
    list(backpressure.printing([mark]))
    assert backpressure.held == 0


@pytest.mark.parametrize("frees", [Backpressure.release, Backpressure.wait, lambda b: b.count(answer(0))])
def test_a_worker_that_asks_again_holds_nothing(frees: Callable[[Backpressure], object]) -> None:
    backpressure = Backpressure(1000)
    read(backpressure, 600)
    frees(backpressure)
    assert backpressure.held == 0


def test_the_oldest_page_is_read_however_large_it_is_and_the_next_when_that_is_printed() -> None:
    backpressure = Backpressure(1000)
    freed = backpressure._freed = WatchedCondition()
    read(backpressure, 50_000)
    mark = backpressure.handed_on()
    next_page = started(lambda: read(backpressure, 30_000))
    assert waits_for(next_page, freed)
    assert backpressure.held == 50_000
    list(backpressure.printing([mark]))
    next_page.join(10)
    assert backpressure.held == 30_000


def test_no_request_is_sent_while_the_budget_is_used_up() -> None:
    backpressure = Backpressure(1000)
    freed = backpressure._freed = WatchedCondition()
    read(backpressure, 1000)
    mark = backpressure.handed_on()
    waiting = started(backpressure.wait)
    assert waits_for(waiting, freed)
    list(backpressure.printing([mark]))
    waiting.join(10)
    assert not waiting.is_alive()


def test_many_workers_that_read_at_once_all_come_to_an_end_and_hold_no_more_than_the_budget_and_one_page() -> None:
    backpressure, most, marks = Backpressure(100_000), [0], list[Any]()

    def work() -> None:
        for _ in range(5):
            backpressure.wait()
            read(backpressure, 60_000)
            most[0] = max(most[0], backpressure.held)
            marks.append(backpressure.handed_on())

    workers = [started(work) for _ in range(12)]
    while any(worker.is_alive() for worker in workers):
        list(backpressure.printing([marks.pop()] if marks else []))
    assert 60_000 <= most[0] <= 160_000
    list(backpressure.printing(marks))
    assert backpressure.held == 0


def test_outside_a_sync_nothing_is_held_back() -> None:
    backpressure = current_report().backpressure
    for _ in range(20):
        backpressure.wait()
        read(backpressure, 10**7)
        backpressure.handed_on()
    assert backpressure.held == 20 * 10**7
