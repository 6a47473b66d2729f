"""STATE comes behind what it stands for, never goes back, loses no bot, and is not told too often."""

from collections.abc import Iterable
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteMessage, AirbyteRecordMessage, AirbyteStateBlob, Type

from source_kore_llm_logs.runtime.backpressure import Backpressure, EndOfPage, PageMemory
from source_kore_llm_logs.runtime.checkpoints import CheckpointMessage, Checkpoints

HOUR = 3_600_000
NOON = 1_715_774_400_000
"""2024-05-15T12:00:00Z."""
BEFORE = {"states": [{"partition": {"bot_id": "st-a"}, "cursor": {"end_date": "2024-05-15T11:59:59.999Z"}}]}
RECORD = AirbyteMessage(type=Type.RECORD, record=AirbyteRecordMessage(stream="s", data={}, emitted_at=0))


def printed(messages: Iterable[AirbyteMessage | float], before: Any = None) -> list[Any]:
    """What is printed; of a STATE message, the cursor of each bot. Numbers are seconds that pass."""
    clock = [1000.0]

    def timed() -> Iterable[AirbyteMessage]:
        for message in messages:
            if isinstance(message, float):
                clock[0] += message
            else:
                yield message

    merged = Checkpoints("llm_usage_logs", before or {}, lambda: clock[0]).with_state_messages(timed())
    return [cursors(message) if message.type is Type.STATE else message for message in merged]


def cursors(message: AirbyteMessage) -> dict[str, str]:
    assert message.state.stream.stream_descriptor.name == "llm_usage_logs"
    blob: Any = message.state.stream.stream_state
    assert isinstance(blob, AirbyteStateBlob)
    assert blob.use_global_cursor is False
    return {state["partition"]["bot_id"]: state["cursor"]["end_date"] for state in blob.states}


def test_a_cursor_is_the_last_millisecond_that_was_read_and_comes_behind_its_records() -> None:
    state = {"st-b": "2024-05-15T11:59:59.999Z"}
    assert printed([RECORD, CheckpointMessage("st-b", NOON), RECORD]) == [RECORD, state, RECORD]


def test_bots_that_were_not_read_keep_their_state() -> None:
    assert printed([CheckpointMessage("st-b", NOON + HOUR)], BEFORE) == [
        {"st-a": "2024-05-15T11:59:59.999Z", "st-b": "2024-05-15T12:59:59.999Z"}
    ]


def test_a_cursor_never_goes_back() -> None:
    """Neither below the old state, from which the lookback began, nor below what was told."""
    moments = (NOON - HOUR, NOON + HOUR, NOON + 1)
    marks = [mark for moment in moments for mark in (CheckpointMessage("st-a", moment), 9.0)]
    assert printed(marks, BEFORE) == [{"st-a": "2024-05-15T11:59:59.999Z"}, {"st-a": "2024-05-15T12:59:59.999Z"}]


def test_what_was_told_is_not_told_again_but_the_first_time_always() -> None:
    marks = [CheckpointMessage("st-a", NOON), 9.0, CheckpointMessage("st-a", NOON), 9.0, RECORD, RECORD]
    assert printed(marks, BEFORE) == [{"st-a": "2024-05-15T11:59:59.999Z"}, RECORD, RECORD]


def test_of_many_bots_one_comes_every_few_seconds_and_always_the_last() -> None:
    marks = [mark for n in range(900) for mark in (CheckpointMessage(f"st-{n}", NOON), 0.01)]
    *states, complete, last = printed([*marks, RECORD])
    assert (len(states) <= 4, complete, len(last)) == (True, RECORD, 900)


def test_of_few_bots_each_is_told_at_once() -> None:
    marks = [mark for n in range(5) for mark in (CheckpointMessage("st-a", NOON + n), 0.1)]
    assert len(printed(marks)) == 5


def test_one_that_waits_for_its_time_is_printed_when_that_has_come_and_not_only_behind_the_next_part() -> None:
    many = [CheckpointMessage(f"st-{n}", NOON) for n in range(900)]
    first, *records, rest, record = printed([*many, RECORD, 6.0, RECORD, RECORD])
    assert (len(first), records, len(rest), record) == (1, [RECORD, RECORD], 900, RECORD)


@pytest.mark.parametrize(("before", "cursor"), [({}, {}), (BEFORE, {"st-a": "2024-05-15T11:59:59.999Z"})])
def test_where_nothing_was_read_the_state_is_told_as_it_was(before: Any, cursor: dict[str, str]) -> None:
    assert printed([RECORD, RECORD], before) == [RECORD, RECORD, cursor]


def test_the_last_comes_before_a_failure() -> None:
    def failing() -> Iterable[AirbyteMessage]:
        yield from (CheckpointMessage(f"st-{n}", NOON) for n in range(900))
        raise RuntimeError

    merged = Checkpoints("llm_usage_logs", {}).with_state_messages(failing())
    states = [next(merged), next(merged)]
    assert len(cursors(states[-1])) == 900
    with pytest.raises(RuntimeError):
        next(merged)


def test_the_mark_behind_a_page_frees_it_and_is_not_printed() -> None:
    backpressure = Backpressure()
    page = PageMemory(backpressure, 100)
    page.acquire()
    assert printed([RECORD, EndOfPage(page), RECORD])[:2] == [RECORD, RECORD]
    assert backpressure.held == 0
