"""Complete and once over HTTP, under a dozen readings of what the API leaves open; the fuzz plays thousands in memory.

Rows sit where connectors lose them: on bounds of days and of the range, several on one millisecond, calls that straddle
a bound, some without an end. A second bot has the same rows and the plainest reading: whatever the first one's server
does, the second is read whole.
"""

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from integration_tests.command import read
from integration_tests.in_process import UNLIMITED, assert_no_request_spans_more_than_90_days, sync
from integration_tests.kore_emulator import NOW, Emulator, Reading
from integration_tests.kore_emulator.behaviour import DAY, iso, parse

ODD, PLAIN = "st-odd", "st-plain"
CHANNELS = ("rtm", "rtm", "msteams", "slack")
FIRST, AFTER = NOW - timedelta(days=120, minutes=11), NOW - timedelta(minutes=30)


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def row(number: int, end: int, took: int, has_end: bool = True) -> dict[str, Any]:
    return {
        "start Date": iso(end - took),
        **({"End Date": iso(end)} if has_end else {}),
        "Time Taken": took,
        "Channel Name": CHANNELS[number % len(CHANNELS)],
        "Description": f"row {number}",
    }


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
    return [row(n, end, chance.choice([500, 3_000, 60_000, 800_000]), n % 25 != 3) for n, end in enumerate(ends)]


def own(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Description -> time of the range's rows: their end, or their start where they have none."""
    times = {raw["Description"]: parse(raw.get("End Date") or raw["start Date"]) for raw in rows}
    return {name: time[0] for name, time in times.items() if time and ms(FIRST) <= time[0] < ms(AFTER)}


NO_ZONE = {"refused_forms": frozenset({"milliseconds"}), "zone_reads": frozenset({"seconds", "day"})}
READ: dict[str, dict[str, Any]] = {
    "the plainest": {},
    "days of a zone, and no future": {
        "cut": DAY, "cut_in_zone": True, "zone": "Asia/Kolkata", "future_to": "refused", "to_inclusive": False,
    },
    "no zone in dates": {**NO_ZONE, "zone": "Europe/Berlin", "hints": False},
    "plain dates, the others silent": {
        "silent_forms": frozenset({"milliseconds", "seconds"}), "date_to_is_end_of_day": True,
    },
    "integers, refusals as text, 204": {"numbers": "int", "error_body": "text", "no_content": True},
    "a skip behind the last row refused": {"behind": "refused"},
    "a page that is too large cuts the connection": {"fails_above_rows": 40, "fails_how": "dropped"},
    "half of a page that is too large": {"fails_above_bytes": 6_000, "fails_how": "cut body"},
    "a largest limit that gives nothing": {"largest_limit": 20, "above_limit": "empty", "filed_under": "entry"},
    "users and rtm unasked": {"developer": "selects", "no_channel": "rtm", "channel_list": "text"},
    "the order of a heap, by the day": {"order": "day", "ties": "heap", "descending": True, "largest_limit": 50},
    "rows that come": {"inserts": 2, "inserts_in_all": 6, "inserts_into": "span"},
    "rows that go": {"deletes": 1, "deletes_in_all": 4},
    "passing faults": {"fault_rate": 0.1, "fault_seed": 3},
    "an envelope": {"envelope": "hits"},
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_every_row_comes_once(name: str) -> None:
    rows = rows_at_the_edges()
    reading = Reading(by_bot={ODD: READ[name]}, longest_days=90, days_counted="calendar")
    with Emulator({ODD: rows, PLAIN: rows}, reading) as emulator:
        synced = sync(emulator.config(start_date=iso(ms(FIRST)), end_date=iso(ms(AFTER)), page_size=50, **UNLIMITED))
        assert_no_request_spans_more_than_90_days(emulator.requests)
    assert synced.failure is None
    assert synced.rows(PLAIN) == dict.fromkeys(own(rows), 1)
    found, cursor = synced.rows(ODD), synced.cursor(ODD) or ""
    assert set(found.values()) == {1}
    assert {name for name in found if name.startswith("row")} <= set(own(rows))
    # Where bounds cannot be proved, the newest rows may be hidden: the cursor waits.
    assert cursor >= iso(ms(AFTER) - 3 * DAY)
    lost = [name for name, time in own(rows).items() if name not in found and iso(time) < cursor]
    assert len(lost) <= READ[name].get("deletes_in_all", 0), lost


@pytest.mark.parametrize("failure", ["502", "504", "refused", "empty"])
def test_more_rows_than_the_api_pages_through_are_read_in_pieces(failure: Any) -> None:
    rows = [row(n, ms(AFTER) - 60_000 * n, 900) for n in range(1, 2_600)]
    with Emulator({ODD: rows}, Reading(skip_ceiling=1_000, above_ceiling=failure)) as emulator:
        synced = sync(emulator.config(start_date=iso(ms(FIRST)), page_size=200, **UNLIMITED))
    assert synced.failure is None
    assert synced.rows(ODD) == dict.fromkeys(own(rows), 1)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"skip": "ignored"}, "skip"),
        ({"skip": "rounded"}, "skip"),
        ({"skip": "pages"}, "skip"),
        ({"faults": ("412",), "fault_rate": 1.0}, "412"),
    ],
    ids=["skip ignored", "skip rounded", "skip a page's number", "every form refused"],
)
def test_what_cannot_be_read_fails_with_its_bots_name_and_leaves_the_others_whole(
    options: dict[str, Any], word: str
) -> None:
    rows = [row(n, ms(AFTER) - 3_600_000 - n, 900) for n in range(120)]
    with Emulator({ODD: rows, PLAIN: rows}, Reading(by_bot={ODD: options})) as emulator:
        outcome = read(emulator.config(page_size=1000))
    assert outcome.code == 1
    assert sum(record["bot_id"] == PLAIN for record in outcome.records) == 120
    errors = "\n".join(error["message"] for error in outcome.errors)
    assert ODD in errors
    assert word in errors
    assert "Traceback" not in outcome.stderr
