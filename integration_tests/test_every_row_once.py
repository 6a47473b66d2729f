"""Complete and once over HTTP, under readings that change what goes over it; the fuzz plays thousands in memory.

Rows sit where connectors lose them: on bounds of days and of the range, several on one millisecond, calls that straddle
a bound, some without an end. A second bot has the same rows and the plainest reading: whatever the first one's server
does, the second is read whole.
"""

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from integration_tests.command import run
from integration_tests.in_process import sync
from integration_tests.kore_emulator import NOW, Emulator, Reading, even_rows
from integration_tests.kore_emulator.behaviour import DAY, iso, parse

ODD, PLAIN = "st-odd", "st-plain"
FIRST, AFTER = NOW - timedelta(days=120, minutes=11), NOW - timedelta(minutes=30)


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def row(number: int, end: int, took: int = 900, **columns: Any) -> dict[str, Any]:
    channel = ("rtm", "rtm", "msteams", "slack")[number % 4]
    dates = {"start Date": iso(end - took), "End Date": iso(end)}
    return {**dates, "Time Taken": took, "Channel Name": channel, "Description": f"row {number}", **columns}


def rows_at_the_edges() -> list[dict[str, Any]]:
    """Some 300 rows from a little before the range to its end."""
    chance = random.Random(1)
    first, after = ms(FIRST), ms(AFTER)
    ends = [first - 1, first, first + 1, after - 1, after, after + 1]
    midnights = [chance.randrange(first, after) // DAY * DAY for _ in range(15)]
    ends += [midnight + step for midnight in midnights for step in (-1, 0, 0, 1)]
    ends += [chance.randrange(first, after) for _ in range(80)]
    ends += [chance.randrange(first, after)] * 30
    burst = chance.randrange(first, after - DAY)
    ends += [burst + 20_000 * n for n in range(120)]
    rows = [row(n, end, chance.choice([500, 3_000, 60_000, 800_000])) for n, end in enumerate(ends)]
    for without_end in rows[3::25]:
        del without_end["End Date"]
    return rows


def own(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Description -> time of the range's rows: their end, or their start where they have none."""
    times = {raw["Description"]: parse(raw.get("End Date") or raw["start Date"]) for raw in rows}
    return {name: time[0] for name, time in times.items() if time and ms(FIRST) <= time[0] < ms(AFTER)}


NO_ZONE = {"refused_forms": frozenset({"milliseconds"}), "zone_reads": frozenset({"seconds", "day"})}
READ: dict[str, dict[str, Any]] = {
    "the plainest": {},
    "days of a zone, and no future": {"cut": DAY, "cut_in_zone": True, "zone": "Asia/Kolkata", "future_to": "refused"},
    "no zone in dates": {**NO_ZONE, "zone": "Europe/Berlin", "hints": False},
    "plain dates, the others silent": {
        "silent_forms": frozenset({"milliseconds", "seconds"}), "date_to_is_end_of_day": True,
    },
    "integers, refusals as text": {"numbers": "int", "error_body": "text", "behind": "refused"},
    "a largest limit that gives nothing": {"largest_limit": 20, "above_limit": "empty", "filed_under": "entry"},
    "users and rtm unasked": {"developer": "selects", "no_channel": "rtm", "channel_list": "text"},
    "passing faults": {"fault_rate": 0.3, "fault_seed": 3},
    "an envelope, 204": {"envelope": "hits", "no_content": True},
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_every_row_comes_once(name: str) -> None:
    rows = rows_at_the_edges()
    reading = Reading(by_bot={ODD: READ[name]}, days_counted="calendar")
    with Emulator({ODD: rows, PLAIN: rows}, reading) as emulator:
        synced = sync(emulator.config(start_date=iso(ms(FIRST)), end_date=iso(ms(AFTER)), page_size=50))
        for seen in emulator.requests:
            (first, _), (last, _) = (parse(seen.body[key]) for key in ("dateFrom", "dateTo"))
            # The server may count in time, or in calendar days.
            assert last - first <= 90 * DAY
            assert last // DAY - first // DAY < 90
        assert max(int(seen.body["limit"]) for seen in emulator.requests) == 50
    assert synced.errors == []
    assert synced.rows(PLAIN) == dict.fromkeys(own(rows), 1)
    found, cursor = synced.rows(ODD), synced.cursors[ODD]
    assert set(found.values()) == {1}
    assert set(found) <= set(own(rows))
    # Where bounds cannot be proved, the newest rows may be hidden: the cursor waits.
    assert cursor >= iso(ms(AFTER) - 3 * DAY)
    assert [name for name, time in own(rows).items() if name not in found and iso(time) < cursor] == []


# Few requests


@pytest.mark.parametrize("hints", [True, False])
def test_a_page_that_is_refused_for_its_size_is_followed_by_the_largest_that_passes(hints: bool) -> None:
    rows = even_rows(ODD, AFTER - timedelta(days=10), AFTER, 2000)
    with Emulator({ODD: rows}, Reading(largest_limit=500, above_limit="refused", hints=hints)) as emulator:
        assert sync(emulator.config()).rows(ODD) == {raw["Description"]: 1 for raw in rows}
        assert max(seen.rows for seen in emulator.requests) == 500
        assert sum(seen.status == 412 for seen in emulator.requests) <= 4


def test_check_finds_the_form_that_the_server_takes() -> None:
    forms = frozenset({"milliseconds", "seconds"})
    reading = Reading(numbers="int", refused_forms=forms, largest_limit=100, above_limit="refused")
    with Emulator({ODD: []}, reading) as emulator:
        assert run("check", config=emulator.config()).code == 0
        assert emulator.requests[-1].status == 200
        assert len(emulator.requests) <= 8


# Filters

COLUMNS = [
    {"Feature Name ": f"f-{n % 2}", "User ID": f"u-{n % 4}", "Channel User ID": f"29:{n % 5}", "task Id": f"{n % 6}"}
    for n in range(120)
]
ROWS = [row(n, ms(AFTER) - 5 * n * 3_600_000, **columns) for n, columns in enumerate(COLUMNS)]
FILTERS: dict[str, tuple[Any, str, str]] = {
    "channels": (["msteams", "slack"], "Channel Name", "channel"),
    "feature_names": (["f-1"], "Feature Name ", "featureName"),
    "task_id": ("3", "task Id", "taskId"),
    "user_ids": (["u-1", "u-2"], "User ID", "userIds"),
    "channel_user_ids": (["29:1", "29:4"], "Channel User ID", "channelUserIds"),
}


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("spelling", ["sample", "table"])
def test_rows_that_a_filter_chooses_arrive_and_one_that_is_ignored_fails_the_sync(name: str, spelling: Any) -> None:
    """No documented column shows what `channel_user_ids` filters: only a server can tell, by what it leaves out."""
    wanted, column, key = FILTERS[name]
    chosen = {raw["Description"] for raw in ROWS if raw[column] in wanted}
    with Emulator({ODD: ROWS}, Reading(spelling=spelling, unknown_keys="refused")) as emulator:
        config = emulator.config(page_size=20, **{name: wanted})
        heeded = sync(config)
        assert (heeded.errors, heeded.rows(ODD)) == ([], dict.fromkeys(chosen, 1))
        emulator.reading = Reading(spelling="both", ignored_filters=frozenset({key}))
        ignored = sync(config)
    assert ignored.told.startswith(f"Bot {ODD}: the API ignores the filter `{name}`")
    assert [error["failure_type"] for error in ignored.errors] == ["config_error"]
    assert set(ignored.rows(ODD)) <= chosen


# Rows that are odd or late, and bots that come and go


@pytest.mark.parametrize("filed_under", ["end", "start", "entry"])
def test_rows_that_appear_minutes_after_their_end_are_found_by_the_lookback(filed_under: Any) -> None:
    rows = even_rows(ODD, NOW - timedelta(minutes=50), NOW - timedelta(minutes=2), 200)
    with Emulator({ODD: rows}, Reading(lag_seconds=1500, filed_under=filed_under)) as emulator:
        config = emulator.config(start_date=iso(ms(NOW) - 2 * DAY), page_size=50)
        first = sync(config)
        assert 0 < len(first.rows(ODD)) < 200
        emulator.reading = Reading(filed_under=filed_under)
        second = sync(config, first.states[-1:])
        assert set(first.rows(ODD)) | set(second.rows(ODD)) == {raw["Description"] for raw in rows}
        assert len(sync({**config, "lookback_minutes": 0}, second.states[-1:]).records) <= 1


def test_a_bot_added_later_is_read_from_the_start_and_one_that_comes_back_goes_on() -> None:
    rows = [row(n, ms(NOW) - (2 + n) * 3_600_000) for n in range(30)]
    with Emulator({ODD: rows, PLAIN: rows}) as emulator:
        state, found = None, []
        for bots in ([ODD], [ODD, PLAIN], [PLAIN], [ODD, PLAIN]):
            synced = sync(emulator.config(start_date=iso(ms(NOW) - 9 * DAY), bot_ids=bots), state)
            state = synced.states[-1:]
            found.append((len(synced.rows(ODD)), len(synced.rows(PLAIN)), len(synced.records)))
    assert found == [(30, 0, 30), (0, 30, 30), (0, 0, 0), (0, 0, 0)]


def test_a_row_of_the_future_neither_stalls_the_cursor_nor_is_lost() -> None:
    rows = {ODD: [row(0, ms(NOW) - 3 * 3_600_000), row(1, ms(NOW) + 2000), row(2, ms(NOW) + 90 * DAY)]}
    settings = {"start_date": iso(ms(NOW) - 2 * DAY), "lookback_minutes": 0}
    with Emulator(rows) as emulator:
        first = sync(emulator.config(**settings))
    assert set(first.rows(ODD)) == {"row 0"}
    # It settles for a minute; the emulator's clock goes on while the sync begins.
    assert iso(ms(NOW) - 60_001) <= first.cursors[ODD] < iso(ms(NOW))
    with Emulator(rows, now=NOW + timedelta(minutes=5)) as emulator:
        second = sync(emulator.config(**settings), first.states[-1:])
        assert set(second.rows(ODD)) == {"row 1"}
        assert not sync(emulator.config(**settings), second.states[-1:]).records
