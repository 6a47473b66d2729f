"""STATE never goes back, loses no bot, and goes out in the order in which it was made."""

from threading import Thread
from typing import Any

from airbyte_cdk.models import AirbyteMessage, Type

from source_kore_llm_logs.records.timestamps import iso_of
from source_kore_llm_logs.runtime.checkpoints import Checkpoints
from unit_tests.simulated_behaviour import HOUR
from unit_tests.small_scenario import NOON
from unit_tests.waiting import WatchedLock, waits_for

BEFORE = {"states": [{"partition": {"bot_id": "st-a"}, "cursor": {"end_date": "2024-05-15T11:59:59.999Z"}}]}


def told(message: AirbyteMessage) -> dict[str, str]:
    """Bot -> cursor."""
    assert message.type is Type.STATE
    assert message.state is not None
    assert message.state.stream is not None
    assert message.state.stream.stream_descriptor.name == "llm_usage_logs"
    blob: Any = message.state.stream.stream_state
    assert blob.use_global_cursor is False
    return {state["partition"]["bot_id"]: state["cursor"]["end_date"] for state in blob.states}


def cursors(checkpoints: Checkpoints, bot_id: str, reached: int) -> list[dict[str, str]]:
    return [told(message) for message in checkpoints.tell(bot_id, reached)]


def test_a_cursor_is_the_last_millisecond_that_was_read() -> None:
    checkpoints = Checkpoints("llm_usage_logs", {})
    assert cursors(checkpoints, "st-b", NOON) == [{"st-b": "2024-05-15T11:59:59.999Z"}]


def test_bots_that_were_not_read_keep_their_state() -> None:
    checkpoints = Checkpoints("llm_usage_logs", BEFORE)
    assert cursors(checkpoints, "st-b", NOON + HOUR) == [
        {"st-a": "2024-05-15T11:59:59.999Z", "st-b": "2024-05-15T12:59:59.999Z"}
    ]


def test_a_cursor_never_goes_back() -> None:
    """Neither below the old state, from which the lookback began, nor below what another part told."""
    checkpoints = Checkpoints("llm_usage_logs", BEFORE)
    assert cursors(checkpoints, "st-a", NOON - HOUR) == [{"st-a": "2024-05-15T11:59:59.999Z"}]
    assert cursors(checkpoints, "st-a", NOON + HOUR) == [{"st-a": "2024-05-15T12:59:59.999Z"}]
    assert cursors(checkpoints, "st-a", NOON + 1) == []


def test_what_is_told_is_not_told_again_but_the_first_time_always() -> None:
    checkpoints = Checkpoints("llm_usage_logs", BEFORE)
    assert not checkpoints.is_told
    assert cursors(checkpoints, "st-a", NOON) == [{"st-a": "2024-05-15T11:59:59.999Z"}]
    assert checkpoints.is_told
    assert cursors(checkpoints, "st-a", NOON) == []


def test_a_message_that_was_told_does_not_change_afterwards() -> None:
    checkpoints = Checkpoints("llm_usage_logs", {})
    (first,) = list(checkpoints.tell("st-a", NOON))
    list(checkpoints.tell("st-a", NOON + HOUR))
    assert told(first) == {"st-a": iso_of(NOON - 1)}


def test_no_other_state_is_made_until_the_last_one_was_queued() -> None:
    checkpoints, queued = Checkpoints("llm_usage_logs", {}), list[dict[str, str]]()
    lock = WatchedLock()
    checkpoints._lock = lock  # type: ignore[assignment]
    first = checkpoints.tell("st-a", NOON)
    message = next(first)
    other = Thread(target=lambda: queued.extend(cursors(checkpoints, "st-b", NOON)), daemon=True)
    other.start()
    assert waits_for(other, lock)
    assert not queued
    queued.append(told(message))
    assert list(first) == []
    other.join(10)
    assert queued == [{"st-a": iso_of(NOON - 1)}, {"st-a": iso_of(NOON - 1), "st-b": iso_of(NOON - 1)}]


def test_a_consumer_that_stops_between_leaves_no_lock_behind() -> None:
    checkpoints = Checkpoints("llm_usage_logs", {})
    abandoned = checkpoints.tell("st-a", NOON)
    next(abandoned)
    abandoned.close()  # type: ignore[attr-defined]
    assert cursors(checkpoints, "st-b", NOON)
