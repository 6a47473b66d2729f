"""A filter is believed when it was seen to take effect, and nobody gets rows that were not chosen."""

from dataclasses import replace
from typing import Any

import pytest

from source_kore_llm_logs.reading.bot import Bot
from source_kore_llm_logs.reading.fetch import Answer, Body, CannotRead, Page
from source_kore_llm_logs.reading.filter_check import are_filters_heeded
from source_kore_llm_logs.reading.filters import COLUMNS, disagreement, is_told_by_a_column
from unit_tests.reading_driver import Reading
from unit_tests.simulated_behaviour import DAY, Choice, LogRow
from unit_tests.simulated_promise import assert_emitted
from unit_tests.simulated_server import SimulatedServer
from unit_tests.small_scenario import NOON, asking, assert_complete, bodies, reading_of, row, scenario, seen

ROWS = [seen(1, 0, 0, channel_name="ivr", user_id="u-1", task_id="dg-1"), seen(2, 0, 0, channel_name=" IVR ")]


@pytest.mark.parametrize(
    ("filters", "field"),
    [
        ({}, None),
        ({"channels": ["Ivr"]}, None),
        ({"channels": ["ivr", "rtm"]}, None),
        ({"channels": ["rtm"]}, "channels"),
        ({"user_ids": ["u-1"]}, "user_ids"),
        ({"task_id": "dg-1"}, "task_id"),
        ({"channels": ["rtm"], "task_id": "dg-1"}, "channels"),
        ({"channel_user_ids": ["29:1"]}, None),
    ],
)
def test_values_disagree_but_for_case_and_spaces_around_them(filters: dict[str, Any], field: str | None) -> None:
    assert disagreement(filters, ROWS) == field


def test_a_text_is_one_value_and_not_its_letters() -> None:
    assert disagreement({"task_id": "dg"}, [seen(1, 0, 0, task_id="d")]) == "task_id"


def test_no_row_disagrees_with_nothing() -> None:
    assert disagreement({"channels": ["rtm"]}, []) is None


def test_one_filter_has_no_column() -> None:
    assert not is_told_by_a_column("channel_user_ids")
    assert all(map(is_told_by_a_column, COLUMNS))


# Against a server

CHOICES = {
    "channel": Choice(channels=("ivr",)),
    "featureName": Choice(feature_names=("GenAI Node",)),
    "taskId": Choice(task_id="dg-2"),
    "userIds": Choice(user_ids=("u-2",)),
    "channelUserIds": Choice(channel_user_ids=("29:2",)),
}
CHOSEN: dict[str, Any] = {
    "channel": "ivr", "feature": "GenAI Node", "task": "dg-2", "user": "u-2", "channel_user": "29:2",
}  # fmt: skip
LOG = [row(number, **(CHOSEN if number % 2 else {})) for number in range(8)]
EACH = pytest.mark.parametrize("key", CHOICES)


@EACH
def test_each_filter_is_sent_and_its_rows_come(key: str) -> None:
    server = assert_complete(scenario(LOG, choice=CHOICES[key]))
    chosen = CHOICES[key].body()[key]
    assert all(value in (chosen, None) or "nobody" in str(value) for (value,) in bodies(server, key))


@EACH
def test_a_filter_that_is_ignored_is_named_and_no_row_is_emitted(key: str) -> None:
    reading, _ = reading_of(scenario(LOG, choice=CHOICES[key], ignored_filters=frozenset([key])))
    assert isinstance(reading.error, CannotRead)
    assert "ignores the filter" in str(reading.error)
    assert not reading.error.is_transient
    assert not reading.emitted


@EACH
def test_a_filter_that_is_ignored_is_named_while_rows_move(key: str) -> None:
    """The same page comes with other rows when it is asked for again: that is no sign that the filter took effect."""
    log = [*LOG, *(row(40 + number, appears=1 + number) for number in range(6))]
    told = scenario(log, choice=CHOICES[key], ignored_filters=frozenset([key]), descending=True)
    reading, server = reading_of(told)
    assert isinstance(reading.error, CannotRead)
    assert "ignores the filter" in str(reading.error)
    assert_no_stranger(told.choice, reading, server)


def assert_no_stranger(choice: Choice, reading: Reading, server: SimulatedServer) -> None:
    assert_emitted(server, "st", reading.emitted, NOON - DAY, NOON + DAY, choice, reading.error, NOON - DAY)


def test_a_filter_that_all_rows_fit_is_believed_without_a_question() -> None:
    server = assert_complete(scenario([row(1, **CHOSEN)], choice=CHOICES["channel"]))
    assert ("nobody-1f0c6a52-not-a-user" in str(bodies(server, "channel"))) is False


@pytest.mark.parametrize(("key", "other"), [("userIds", "userId"), ("channelUserIds", "channelUIds")])
@pytest.mark.parametrize("unknown_keys", ["ignored", "refused"])
def test_the_tables_spelling_is_tried_where_the_samples_is_ignored_or_refused(
    key: str, other: str, unknown_keys: str
) -> None:
    reading, server = reading_of(scenario(LOG, choice=CHOICES[key], spelling="table", unknown_keys=unknown_keys))
    assert reading.error is None
    assert sorted(reading.emitted) == ["st/1", "st/3", "st/5", "st/7"]
    assert bodies(server, other)[-1] != (None,)
    assert bodies(server, key)[-1] == (None,)


def test_two_filters_of_which_the_second_is_ignored_name_the_second() -> None:
    choice = replace(CHOICES["channel"], task_id="dg-1")
    log: list[LogRow] = [row(1, channel="ivr", task="dg-1"), row(2, channel="ivr", task="dg-2"), row(3)]
    reading, _ = reading_of(scenario(log, choice=choice, ignored_filters=frozenset(["taskId"])))
    assert "`task_id`" in str(reading.error)


def test_all_rows_may_be_the_chosen_ones_of_a_filter_without_a_column() -> None:
    assert_complete(scenario([row(n, **CHOSEN) for n in range(3)], choice=CHOICES["channelUserIds"]))


def test_a_column_that_is_spelled_otherwise_than_the_filter_drops_no_row() -> None:
    """The server finds users by an id that its column does not show: rows and chosen values always disagree."""
    told = scenario(LOG, choice=Choice(user_ids=("u-2",)))
    server = told.server()
    kept = server.fetch("st")

    def fetch(body: Body) -> Answer:
        answer = kept(body)
        assert isinstance(answer, Page)
        return Page([replace(row, record={**row.record, "user_id": "User Two"}) for row in answer.rows], answer.size)

    bot = Bot("st", fetch, server.clock, {"user_ids": ["u-2"]})
    answer, limit = bot.page(asking(), 0)
    assert isinstance(answer, Page)
    assert len(answer.rows) == 4
    assert are_filters_heeded(bot, asking(), answer.rows, 0, limit)
    asked = len(server.requests)
    assert are_filters_heeded(bot, asking(), answer.rows, 0, limit)
    assert len(server.requests) == asked, "it is asked once"
