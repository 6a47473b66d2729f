"""A page is asked for when there is room for it, and freed memory is given back."""

import sys
import time
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteMessage, AirbyteRecordMessage, Type

from source_kore_llm_logs import memory
from source_kore_llm_logs.components import flow
from source_kore_llm_logs.components.flow import MOST_BYTES_WAITING, Flow

RECORD = AirbyteMessage(type=Type.RECORD, record=AirbyteRecordMessage(stream="s", data={}, emitted_at=0))


def flow_of(rows: int, size: int, kept: int) -> Flow:
    found = Flow()
    found.received(rows, size)
    found.kept(kept)
    return found


def test_what_waits_is_counted_by_the_mean_size_of_a_row() -> None:
    waiting = flow_of(rows=10, size=1000, kept=4)
    assert waiting.bytes_waiting == 400
    assert list(waiting.printing([RECORD] * 3)) == [RECORD] * 3
    assert waiting.bytes_waiting == 100


def test_a_page_waits_until_enough_was_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, naps = flow_of(rows=2, size=2 * MOST_BYTES_WAITING, kept=2), []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        list(waiting.printing([RECORD]))

    monkeypatch.setattr(flow.time, "sleep", nap)
    waiting.wait_for_room()
    assert len(naps) == 1
    assert waiting.bytes_waiting == MOST_BYTES_WAITING


def test_nobody_waits_for_ever_for_a_reader_that_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = flow_of(rows=1, size=2 * MOST_BYTES_WAITING, kept=1)
    monkeypatch.setattr(flow, "LONGEST_WAIT_SECONDS", 0.05)
    began = time.monotonic()
    waiting.wait_for_room()
    assert 0.05 <= time.monotonic() - began < 5


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is what Linux has")
def test_glibc_is_told_to_give_freed_memory_back() -> None:
    assert memory.give_back_what_is_freed()


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_mallopt(name: Any) -> object:
        return object()

    monkeypatch.setattr(memory.ctypes, "CDLL", without_mallopt)
    assert not memory.give_back_what_is_freed()
