"""A choice of rows is what arrives, whichever spelling of a filter the server honours; nobody gets rows not chosen.

The vendor's page spells two filters in two ways. A server that ignores all spellings of a filter must end the sync as
failed, with the filter named; one that gives the chosen rows must be read whole. That holds for `channel_user_ids`
too, although no documented column shows what it filters: only a server can tell, by what it leaves out.
"""

from datetime import timedelta
from typing import Any

import pytest

from integration_tests.in_process import UNLIMITED, sync
from integration_tests.kore_emulator import NOW, Emulator, Reading

BOT = "st-alpha"


def row(number: int) -> dict[str, Any]:
    end = NOW - timedelta(hours=2 + 5 * number)
    return {
        "start Date": f"{end - timedelta(seconds=2):%Y-%m-%dT%H:%M:%S}.000Z",
        "End Date": f"{end:%Y-%m-%dT%H:%M:%S}.000Z",
        "Description": f"row {number}",
        "Channel Name": ("rtm", "msteams", "slack")[number % 3],
        "Feature Name ": ("Agent Node", "GenAI Node")[number % 2],
        "User ID": f"u-{number % 4}",
        "Channel User ID": f"29:{number % 5}",
        "task Id": f"dg-{number % 6}",
    }


ROWS = [row(number) for number in range(120)]
FILTERS: dict[str, tuple[Any, str, str]] = {
    "channels": (["msteams"], "Channel Name", "channel"),
    "feature_names": (["Agent Node"], "Feature Name ", "featureName"),
    "task_id": ("dg-3", "task Id", "taskId"),
    "user_ids": (["u-1", "u-2"], "User ID", "userIds"),
    "channel_user_ids": (["29:1", "29:4"], "Channel User ID", "channelUserIds"),
}


def chosen(name: str) -> set[str]:
    wanted, column, _ = FILTERS[name]
    return {raw["Description"] for raw in ROWS if raw[column] in wanted}


def read_with(reading: Reading, **filters: Any) -> tuple[set[str], str | None]:
    """The rows that arrived, each of them once, and the failure if there was one."""
    with Emulator({BOT: ROWS}, reading) as emulator:
        synced = sync(emulator.config(page_size=20, **UNLIMITED, **filters))
        assert set(synced.rows(BOT).values()) <= {1}
        return set(synced.rows(BOT)), synced.failure


@pytest.mark.parametrize("name", FILTERS)
def test_the_rows_that_a_filter_chooses_arrive(name: str) -> None:
    assert read_with(Reading(), **{name: FILTERS[name][0]}) == (chosen(name), None)


@pytest.mark.parametrize("name", ["user_ids", "channel_user_ids"])
@pytest.mark.parametrize("unknown_keys", ["ignored", "refused"])
@pytest.mark.parametrize("spelling", ["table", "both"])
def test_users_are_chosen_under_either_spelling(name: str, spelling: Any, unknown_keys: Any) -> None:
    reading = Reading(spelling=spelling, unknown_keys=unknown_keys)
    assert read_with(reading, **{name: FILTERS[name][0]}) == (chosen(name), None)


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_that_the_server_ignores_is_named_and_no_row_arrives_that_was_not_chosen(name: str) -> None:
    rows, failure = read_with(
        Reading(ignored_filters=frozenset({FILTERS[name][2]}), spelling="both"), **{name: FILTERS[name][0]}
    )
    assert failure is not None
    assert name in failure
    assert rows <= chosen(name)


def test_a_filter_that_compares_without_case_gives_what_it_gives() -> None:
    rows, failure = read_with(Reading(folds_case=True), user_ids=["U-1"], channels=["RTM", "MsTeams"])
    wanted = {raw["Description"] for raw in ROWS if raw["User ID"] == "u-1" and raw["Channel Name"] != "slack"}
    assert (rows, failure) == (wanted, None)


@pytest.mark.parametrize("reading", [Reading(), Reading(developer="selects"), Reading(no_channel="rtm")])
def test_channels_and_no_developers_are_what_was_asked_for(reading: Reading) -> None:
    rows, failure = read_with(reading, channels=["msteams", "slack"], include_developer_usage=False)
    assert failure is None
    assert rows == {raw["Description"] for raw in ROWS if raw["Channel Name"] != "rtm"}
