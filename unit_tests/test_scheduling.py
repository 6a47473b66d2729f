"""Parts are given out fairly, each when a worker is free for it, and STATE follows what was read."""

from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteMessage, Type
from airbyte_cdk.sources.types import Record, StreamSlice

from source_kore_llm_logs.errors import Fault
from source_kore_llm_logs.reading.fetch import Row
from source_kore_llm_logs.reading.part import Part
from source_kore_llm_logs.reading.planner import Planned
from source_kore_llm_logs.runtime.backpressure import EndOfPage
from source_kore_llm_logs.runtime.scheduling import CursorOfParts, PartPartition, ScheduledStream
from source_kore_llm_logs.runtime.sync_report import SyncReport
from unit_tests.small_scenario import NOON, seen
from unit_tests.waiting import WatchedCondition, waits_for


class FakePlanner:
    """So many parts of one hour, all of which may be under way at once."""

    def __init__(self, parts: int):
        self.waiting = [Part(NOON + number, NOON + number + 1) for number in range(parts)]
        self.side_by_side = 0
        self.reached = NOON
        self.read: list[Part] = []
        self.under_way = 0

    def take(self) -> Planned | None:
        if not self.waiting:
            return None
        self.under_way += 1
        return Planned(self.waiting.pop(0), 0.0)

    def is_read(self, part: Part) -> None:
        self.under_way -= 1
        self.read.append(part)
        while any(part.start == self.reached for part in self.read):
            self.reached += 1

    @property
    def is_done(self) -> bool:
        return not self.waiting and not self.under_way


class FakeLog:
    """A bot whose parts give two rows each, in two pages, unless `fails` says which part does not."""

    def __init__(self, bot_id: str, parts: int, at_once: int = 4, fails: int | None = None):
        self.bot = type("FakeBot", (), {"id": bot_id})
        self.planner = FakePlanner(parts)
        self.at_once, self.fails = at_once, fails
        self.under_way = self.most_under_way = 0
        self.has_failed = False

    @property
    def is_done(self) -> bool:
        return self.has_failed or self.planner.is_done

    def parts_at_once(self, requests_a_second: float) -> int:
        assert requests_a_second == 1.5
        return self.at_once

    def rows(self, planned: Planned) -> Iterator[Row | None]:
        self.most_under_way = max(self.most_under_way, self.under_way)
        number = planned.part.start - NOON
        for page in range(2):
            if self.fails == number:
                self.has_failed = True
                raise Fault("down.", bot_id=self.bot.id)
            yield seen(2 * number + page, NOON, NOON, id=f"{self.bot.id}/{number}/{page}")
            yield None
        self.planner.is_read(planned.part)


class FakeStream:
    """The manifest's stream: one slice a bot, and the old state."""

    name = "llm_usage_logs"

    def __init__(self, bots: list[str]):
        self.bots = bots
        self.cursor = FakeCursor()

    def generate_partitions(self) -> Iterator[Any]:
        for bot_id in self.bots:
            found = StreamSlice(partition={"bot_id": bot_id}, cursor_slice={})
            yield type("FakePartition", (), {"to_slice": lambda self, found=found: found})()


class FakeCursor:
    def __init__(self) -> None:
        self.emitted = 0
        self.state = dict[str, Any]()

    def ensure_at_least_one_state_emitted(self) -> None:
        self.emitted += 1


def scheduled(logs: list[FakeLog], workers: int) -> ScheduledStream:
    report = SyncReport()
    by_bot: dict[str, Any] = {log.bot.id: log for log in logs}
    report.opens = lambda stream_slice: by_bot[stream_slice.partition["bot_id"]]
    return ScheduledStream(FakeStream(list(by_bot)), report, workers, 1.5)  # type: ignore[arg-type]


def in_time(work: Callable[[], object]) -> None:
    """Fails where the work blocks."""
    thread = Thread(target=work, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive(), "blocked"


def bot_of_part(part: object) -> str:
    assert isinstance(part, PartPartition)
    found = part.to_slice()
    assert isinstance(found, StreamSlice)
    return str(found.partition["bot_id"])


def messages(part: Any) -> list[Any]:
    return list(part.read())


def cursor_in(message: AirbyteMessage) -> dict[str, str]:
    states: Any = message.state.stream.stream_state.states  # type: ignore[union-attr]
    return {state["partition"]["bot_id"]: state["cursor"]["end_date"] for state in states}


def test_the_bot_with_the_fewest_parts_under_way_gets_the_next() -> None:
    parts = iter(scheduled([FakeLog("a", 9), FakeLog("b", 9), FakeLog("c", 9)], 7).generate_partitions())
    assert [bot_of_part(next(parts)) for _ in range(7)] == ["a", "b", "c", "a", "b", "c", "a"]


def test_no_bot_gets_more_parts_at_once_than_its_server_is_worth() -> None:
    logs = [FakeLog("a", 9, at_once=1), FakeLog("b", 9, at_once=2)]
    stream = scheduled(logs, 100)
    changed = stream._changed = WatchedCondition()
    parts = iter(stream.generate_partitions())
    assert sorted(bot_of_part(next(parts)) for _ in range(3)) == ["a", "b", "b"]
    assert logs[1].planner.side_by_side == 2
    blocked = Thread(target=lambda: next(parts), daemon=True)
    blocked.start()
    assert waits_for(blocked, changed)
    stream.ends_part(logs[0])  # type: ignore[arg-type]
    blocked.join(20)
    assert not blocked.is_alive()


def test_no_more_parts_are_under_way_than_there_are_workers() -> None:
    logs = [FakeLog("a", 5), FakeLog("b", 5)]
    stream = scheduled(logs, 2)
    changed = stream._changed = WatchedCondition()
    parts = iter(stream.generate_partitions())
    first, second = next(parts), next(parts)
    third: list[Any] = []
    waiting = Thread(target=lambda: third.append(next(parts)), daemon=True)
    waiting.start()
    assert waits_for(waiting, changed)
    messages(first)
    waiting.join(20)
    assert bot_of_part(third[0]) == bot_of_part(first) != bot_of_part(second)


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_every_part_is_read_and_the_generator_ends(workers: int) -> None:
    logs, records = [FakeLog("a", 5), FakeLog("b", 1), FakeLog("c", 0)], list[str]()

    def read_all() -> None:
        for part in scheduled(logs, workers).generate_partitions():
            records.extend(one["id"] for one in messages(part) if isinstance(one, Record))

    in_time(read_all)
    assert len(records) == len(set(records)) == 12
    assert [log.under_way for log in logs] == [0, 0, 0]


def test_parts_are_read_by_threads_at_once() -> None:
    logs, done = [FakeLog("a", 40), FakeLog("b", 40)], list[str]()

    def read_all() -> None:
        threads = []
        for part in scheduled(logs, 3).generate_partitions():
            threads.append(Thread(target=lambda part=part: done.extend(map(str, messages(part))), daemon=True))
            threads[-1].start()
        for thread in threads:
            thread.join(20)

    in_time(read_all)
    assert [log.planner.reached for log in logs] == [NOON + 40, NOON + 40]
    assert max(log.most_under_way for log in logs) <= 3


def test_a_bot_that_failed_gets_no_further_part_and_the_others_go_on() -> None:
    down, up = FakeLog("down", 5, fails=1), FakeLog("up", 5)
    faults, seen_parts = list[str](), list[str]()

    def read_all() -> None:
        for part in scheduled([down, up], 1).generate_partitions():
            seen_parts.append(bot_of_part(part))
            try:
                messages(part)
            except Fault as fault:
                faults.append(str(fault.message))

    in_time(read_all)
    assert faults == ["Bot down: down."]
    assert seen_parts.count("down") == 2
    assert seen_parts.count("up") == 5
    assert up.planner.reached == NOON + 5
    assert down.under_way == 0


def test_a_sync_of_no_bot_ends() -> None:
    assert list(scheduled([], 1).generate_partitions()) == []


def test_records_come_with_a_mark_behind_each_page_and_state_at_the_end() -> None:
    (part,) = list(_first(scheduled([FakeLog("a", 1)], 1)))
    kinds = [type(one).__name__ for one in messages(part)]
    assert kinds == ["Record", "EndOfPage", "Record", "EndOfPage", "AirbyteMessage"]


def _first(stream: ScheduledStream) -> Iterator[Any]:
    yield next(iter(stream.generate_partitions()))


def test_a_record_belongs_to_its_bots_slice() -> None:
    (part,) = list(_first(scheduled([FakeLog("a", 1)], 1)))
    record = messages(part)[0]
    assert record.stream_name == part.stream_name() == "llm_usage_logs"
    assert record.associated_slice.partition == {"bot_id": "a"}


def test_state_of_a_bot_whose_first_parts_are_read_ahead_covers_the_contiguous_prefix() -> None:
    log = FakeLog("a", 3)
    parts = iter(scheduled([log], 3).generate_partitions())
    oldest, second, third = next(parts), next(parts), next(parts)
    states = [cursor_in(messages(part)[-1]) for part in (third, oldest)]
    assert states == [{"a": "2024-05-15T11:59:59.999Z"}, {"a": "2024-05-15T12:00:00.000Z"}]
    assert cursor_in(messages(second)[-1]) == {"a": "2024-05-15T12:00:00.002Z"}


def test_a_part_that_failed_tells_no_state() -> None:
    log, told = FakeLog("a", 2, fails=0), list[Any]()
    (part,) = list(_first(scheduled([log], 1)))
    with pytest.raises(Fault):
        told.extend(part.read())
    assert not told


def test_a_part_that_ends_early_covers_nothing() -> None:
    """Another part of its bot failed: this one is not read to its end, and its planner does not know it as read."""
    log = FakeLog("a", 2)
    log.rows = lambda planned: iter([seen(1, NOON, NOON), None])  # type: ignore[method-assign, assignment, return-value]
    (part,) = list(_first(scheduled([log], 1)))
    assert cursor_in(messages(part)[-1]) == {"a": "2024-05-15T11:59:59.999Z"}


def test_a_part_that_is_given_up_by_its_consumer_is_not_under_way_any_more() -> None:
    log = FakeLog("a", 2)
    (part,) = list(_first(scheduled([log], 1)))
    given: Any = iter(part.read())
    next(given)
    assert log.under_way == 1
    given.close()
    assert log.under_way == 0


def test_the_cdks_cursor_is_told_nothing_and_speaks_only_in_a_sync_that_told_no_state() -> None:
    log = FakeLog("a", 1)
    stream = scheduled([log], 1)
    cursor = stream.cursor
    assert isinstance(cursor, CursorOfParts)
    inner: Any = stream._stream.cursor
    cursor.observe(Record({}, "llm_usage_logs"))
    cursor.close_partition(next(iter(stream.generate_partitions())))
    cursor.ensure_at_least_one_state_emitted()
    assert inner.emitted == 1
    list(stream.checkpoints.tell("a", NOON))
    cursor.ensure_at_least_one_state_emitted()
    assert inner.emitted == 1


def test_marks_of_backpressure_are_no_records() -> None:
    (part,) = list(_first(scheduled([FakeLog("a", 1)], 1)))
    marks = [one for one in messages(part) if isinstance(one, EndOfPage)]
    assert [mark.type for mark in marks] == [Type.CONTROL, Type.CONTROL]
