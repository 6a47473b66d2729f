"""A worker that is free reads the oldest window of the bot that has the fewest in work."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.types import Record

from source_kore_llm_logs.runtime.scheduling import Turn, Windows


class OneWindow(Partition):
    def __init__(self, bot_id: str, number: int, error: Exception | None = None):
        self.bot_id, self.number, self._error = bot_id, number, error

    def read(self) -> Iterable[Record]:
        yield Record({"number": self.number}, "llm_usage_logs")
        if self._error:
            raise self._error

    def to_slice(self) -> Mapping[str, Any]:
        return {"bot_id": self.bot_id, "start_time": self.number}

    def stream_name(self) -> str:
        return "llm_usage_logs"

    def __hash__(self) -> int:
        return id(self)


def windows_of(**counts: int) -> Windows:
    return Windows([OneWindow(bot, number) for bot, count in counts.items() for number in range(count)])


def taken(windows: Windows, count: int) -> list[tuple[str, int]]:
    slices = [windows.take().to_slice() or {} for _ in range(count)]
    return [(found["bot_id"], found["start_time"]) for found in slices]


def test_bots_take_turns_each_from_its_oldest_window() -> None:
    assert taken(windows_of(a=3, b=2), 5) == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2)]


def test_a_bot_whose_windows_are_slow_gets_no_worker_that_another_can_use() -> None:
    windows = windows_of(slow=50, quick=5)
    assert taken(windows, 1) == [("slow", 0)]
    for number in range(5):
        quick = windows.take()
        assert quick.to_slice() == {"bot_id": "quick", "start_time": number}
        windows.give_back(quick)
    assert taken(windows, 2) == [("slow", 1), ("slow", 2)]


def test_a_window_that_fails_is_given_back() -> None:
    windows = Windows([OneWindow("a", 0, ValueError("no")), *(OneWindow(bot, 1) for bot in "aabb")])
    turn = Turn(windows, "llm_usage_logs")
    assert turn.to_slice() is None
    with pytest.raises(ValueError, match="no"):
        list(turn.read())
    assert turn.to_slice() == {"bot_id": "a", "start_time": 0}
    assert taken(windows, 2) == [("a", 1), ("b", 1)]
