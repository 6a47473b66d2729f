"""A page is asked for when there is room for it, and freed memory is given back."""

import sys
import time
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteMessage, AirbyteRecordMessage, Type

from source_kore_llm_logs.runtime import backpressure, memory
from source_kore_llm_logs.runtime.backpressure import Flow
from source_kore_llm_logs.runtime.sync_report import current_report

RECORD = AirbyteMessage(type=Type.RECORD, record=AirbyteRecordMessage(stream="s", data={}, emitted_at=0))


def flow_of(rows: int, size: int, kept: int, most: int = 1000) -> Flow:
    """One page was read, and nothing was printed yet."""
    found = Flow(most)
    found.received(rows, size)
    found.kept(kept)
    return found


def test_what_waits_is_counted_by_the_mean_size_of_a_row() -> None:
    waiting = flow_of(rows=10, size=1000, kept=4)
    assert waiting.bytes_waiting == 400
    assert list(waiting.printing([RECORD] * 3)) == [RECORD] * 3
    assert waiting.bytes_waiting == 100


def test_pages_are_let_in_as_far_as_they_fit_and_one_always() -> None:
    found = Flow(1000)
    assert [found.enters(300) for _ in range(4)] == [True, True, True, False]
    assert [Flow(1000).enters(5000), found.enters(5000)] == [True, False]


def test_a_worker_has_room_for_one_page_at_a_time_and_gives_it_back_once() -> None:
    found = Flow(1000)
    found.begins(1000)
    found.begins(1000)
    assert not found.enters(1)
    found.ends()
    found.ends()
    assert found.enters(1000)
    assert not found.enters(1)


def test_a_page_waits_until_enough_was_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, naps = flow_of(rows=3, size=3000, kept=3), list[float]()

    def nap(seconds: float) -> None:
        naps.append(seconds)
        list(waiting.printing([RECORD]))

    monkeypatch.setattr(backpressure.time, "sleep", nap)
    waiting.begins(5000)
    assert len(naps) == 2
    assert waiting.bytes_waiting == 1000


def test_nobody_waits_for_ever_for_a_reader_that_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = flow_of(rows=1, size=2000, kept=1)
    monkeypatch.setattr(backpressure, "LONGEST_WAIT_SECONDS", 0.05)
    began = time.monotonic()
    waiting.begins(100)
    assert 0.05 <= time.monotonic() - began < 5


def test_outside_a_sync_nothing_is_held_back() -> None:
    found = current_report().flow
    assert [found.enters(10**9) for _ in range(20)] == [True] * 20


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is what Linux has")
def test_glibc_is_told_to_give_freed_memory_back() -> None:
    assert memory.give_back_what_is_freed()


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_mallopt(name: Any) -> object:
        return object()

    monkeypatch.setattr(memory.ctypes, "CDLL", without_mallopt)
    assert not memory.give_back_what_is_freed()
