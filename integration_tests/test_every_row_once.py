"""Complete and once under every reading of what the API leaves open, or a failure that says so: no loss in silence.

`readings.py` lists the readings and how a sync must end under each. Rows are few and sit where such connectors lose
them: on bounds of days and of the range, several on one millisecond, calls that straddle a bound, leap days and year
ends, and one hour of many pages. A second bot has the same rows and the plainest reading: whatever the first one's
server does, the second is read whole. Set `COMBINATIONS` to play more of them than the few hundred of a normal run.
"""

import os
import random
from datetime import datetime, timedelta, timezone
from functools import reduce
from typing import Any

import pytest

from integration_tests.command import read
from integration_tests.in_process import UNLIMITED, Synced, assert_no_request_spans_more_than_90_days, sync
from integration_tests.kore_emulator import Emulator, Reading
from integration_tests.readings import (
    BOUNDS,
    BROKEN,
    CEILINGS,
    FORMS,
    MAY_FAIL,
    MOVING,
    MUST_FAIL,
    PAGES,
    READ,
    Options,
    named,
)

ODD, PLAIN = "st-odd", "st-plain"
CHANNELS = ("rtm", "rtm", "msteams", "slack", "developer")
MS, DAY = timedelta(milliseconds=1), timedelta(days=1)
COMBINATIONS = int(os.environ.get("COMBINATIONS", "25"))
MOST_REQUESTS = 2500
"""No reading needs nearly as many for two logs of 400 rows. A sync that asks more is refused, so that it ends."""


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def row(number: int, end: datetime | None, seconds: float = 3, start: datetime | None = None) -> dict[str, Any]:
    start = (end - timedelta(seconds=seconds)) if end else start
    assert start
    return {
        "start Date": stamp(start),
        **({"End Date": stamp(end)} if end else {}),
        "Time Taken": int(seconds * 1000) + number % 7,
        "Channel Name": CHANNELS[number % len(CHANNELS)],
        "Description": f"row {number}",
        "Status": "Success",
    }


def rows_at_the_edges(first: datetime, after: datetime, seed: int) -> list[dict[str, Any]]:
    """Some 400 rows from a little before a range to a little after it."""
    chance = random.Random(seed)
    days = (after - first) // DAY
    ends = [bound + step for bound in (first, after) for step in (-MS, timedelta(0), MS, -3 * DAY / 24, 3 * DAY / 24)]
    for _ in range(12):
        midnight = (first + chance.randrange(1, days) * DAY).replace(hour=0, minute=0, second=0, microsecond=0)
        ends += [
            midnight,
            midnight,
            midnight + MS,
            midnight - MS,
            midnight + timedelta(hours=chance.randrange(-12, 15)),
        ]
    ends += [first + chance.random() * (after - first) for _ in range(110)]
    ends += [first + chance.random() * (after - first)] * 8
    burst = first + chance.uniform(0.3, 0.7) * (after - first)
    ends += [burst + n * timedelta(seconds=20) for n in range(200)]
    rows = [row(n, end, chance.choice([0.5, 3, 60, 800])) for n, end in enumerate(ends)]
    starts = [first + MS, after - 2 * MS, *(first + chance.random() * (after - first) for _ in range(10))]
    return rows + [row(len(ends) + n, None, start=start) for n, start in enumerate(starts)]


def own_time(raw: dict[str, Any]) -> str:
    return str(raw.get("End Date") or raw["start Date"])


def own(rows: list[dict[str, Any]], first: datetime, after: datetime) -> dict[str, str]:
    """Description -> time of the rows of `[first, after)`, by their end, or by their start where they have none."""
    return {raw["Description"]: own_time(raw) for raw in rows if stamp(first) <= own_time(raw) < stamp(after)}


def assert_once_and_whole_up_to_the_cursor(synced: Synced, bot: str, must: dict[str, str], may: set[str]) -> None:
    """`must` was emitted but for what the cursor waits for, nothing but `may` was, and nothing twice."""
    found = synced.rows(bot)
    assert set(found.values()) <= {1}, f"{bot}: twice"
    assert set(found) <= may, f"{bot}: rows that are not its own"
    missing = {description: at for description, at in must.items() if description not in found}
    cursor = synced.cursor(bot)
    # A resumed sync begins at the cursor itself.
    passed = [at for at in missing.values() if cursor is not None and at < cursor]
    assert not passed, f"{bot}: {len(passed)} rows lost below the cursor {cursor}, such as {min(passed)}"
    if synced.failure is None:
        assert not missing or (cursor and max(must.values()) > cursor), f"{bot}: {len(missing)} rows lost"


def refuse_from_now_on(emulator: Emulator) -> None:
    if len(emulator.requests) == MOST_REQUESTS:
        emulator.reading = Reading(refusals={ODD: "scope", PLAIN: "scope"})


def play(options: Options, outcome: str, *, is_live: bool, seed: int = 0, **settings: Any) -> None:
    """Two bots with the same rows, the first under the reading; asserts how the sync ends."""
    now = datetime.now(timezone.utc).replace(microsecond=0)
    first = now - timedelta(days=60, minutes=11) if is_live else datetime(2023, 12, 5, 10, 30, tzinfo=timezone.utc)
    after = now - timedelta(minutes=2) if is_live else first + timedelta(days=130)
    rows = rows_at_the_edges(first, after, seed)
    if is_live:
        # An end that a row does not show, and its entry, may be minutes later: they are to be past, too.
        hidden = stamp(after - timedelta(minutes=3))
        rows = [raw for raw in rows if own_time(raw) < (stamp(after) if raw.get("End Date") else hidden)]
    if options.get("no_channel") == "rtm":
        # Nobody can ask for a channel that is not in the vendor's list and shows in no row.
        rows = [{**raw, "Channel Name": raw["Channel Name"].replace("developer", "sms")} for raw in rows]
    must = own(rows, first, after)
    with Emulator({ODD: rows, PLAIN: rows}, Reading(by_bot={ODD: options})) as emulator:
        end = {} if is_live else {"end_date": stamp(after)}
        config = emulator.config(start_date=stamp(first), **{"page_size": 50, **end, **UNLIMITED, **settings})
        emulator.before_response = lambda _: refuse_from_now_on(emulator)
        synced = sync(config)
        assert_no_request_spans_more_than_90_days(emulator.requests)
        assert len(emulator.requests) < MOST_REQUESTS, "asks without end"
        left = own(emulator.rows(ODD), first, now if is_live else after)
        # A row cloned while it was paged has the description of its original: two of those are two rows.
        clones = bool(options.get("insert_rows"))
        if clones:
            assert set(synced.ids.values()) <= {1}
            assert synced.failure is not None or set(synced.rows(ODD)) >= set(must) & set(left)
        else:
            assert_once_and_whole_up_to_the_cursor(
                synced, ODD, {name: at for name, at in must.items() if name in left}, set(must)
            )
        assert_once_and_whole_up_to_the_cursor(synced, PLAIN, must, set(must))
        if synced.failure is not None:
            emulator.reading = Reading()
            resumed = sync({**config, "lookback_minutes": 0}, synced.states[-1:])
            assert resumed.failure is None
            assert set(synced.rows(ODD)) | set(resumed.rows(ODD)) >= set(must) & set(left)
    assert (synced.cursor(PLAIN) or "") >= max(must.values())
    if outcome == "READ":
        assert synced.failure is None, synced.failure
        # Where bounds cannot be verified, the newest rows may be hidden: the cursor waits.
        assert (synced.cursor(ODD) or "") >= stamp(after - timedelta(days=3) if is_live else after - MS)
    if outcome == "MUST_FAIL":
        assert synced.failure is not None
    if synced.failure is not None:
        assert ODD in synced.failure


@pytest.mark.parametrize("is_live", [False, True], ids=["closed", "live"])
@pytest.mark.parametrize("options", READ, ids=named)
def test_a_reading_gives_every_row_once(options: Options, is_live: bool) -> None:
    play(options, "READ", is_live=is_live)


@pytest.mark.parametrize("options", MAY_FAIL, ids=named)
def test_a_reading_gives_every_row_once_or_fails_and_says_so(options: Options) -> None:
    play(options, "MAY_FAIL", is_live=False)


@pytest.mark.parametrize("options", MUST_FAIL, ids=named)
def test_what_cannot_be_read_fails_for_its_bot_alone(options: Options) -> None:
    play(options, "MUST_FAIL", is_live=False)


def combined(groups: dict[str, list[Options]], count: int, chance: random.Random) -> Options:
    """One alternative of each of `count` groups, the later ones over the earlier."""
    drawn = [chance.choice(groups[name]) for name in chance.sample(sorted(groups), count)]
    return reduce(lambda all_, one: {**all_, **one}, drawn, {})


@pytest.mark.parametrize("seed", range(COMBINATIONS))
def test_readings_of_bounds_forms_and_pages_combined_give_every_row_once(seed: int) -> None:
    chance = random.Random(seed)
    groups = {**BOUNDS, **FORMS, **PAGES}
    # A plain date of a server elsewhere, cut again in another zone, is no reading that anybody has seen.
    options = combined(groups, chance.choice([2, 2, 3, 4]), chance)
    settings = {"window_days": chance.choice([1, 7, 30, 90, 90, 90]), "page_size": chance.choice([20, 100, 1000])}
    play(options, "READ", is_live=chance.random() < 0.3, seed=seed, **settings)


@pytest.mark.parametrize("seed", range(1000, 1000 + COMBINATIONS))
def test_no_combination_of_readings_loses_a_row_in_silence(seed: int) -> None:
    chance = random.Random(seed)
    groups = {**BOUNDS, **FORMS, **PAGES, **CEILINGS, **MOVING, **BROKEN, "skip": [{"skip_held_at": 60}]}
    options = combined(groups, chance.choice([2, 3, 4, 5]), chance)
    play(options, "MAY_FAIL", is_live=chance.random() < 0.3, seed=seed, page_size=chance.choice([50, 100, 1000]))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"skip_held_at": 0}, "skip"), ({"faults": ("412",), "fault_rate": 1.0}, "412")],
    ids=["skip ignored", "every form refused"],
)
def test_the_command_ends_with_an_error_that_names_the_bot(options: Options, sentence: str) -> None:
    now = datetime.now(timezone.utc)
    rows = [row(n, now - timedelta(hours=2 + n)) for n in range(120)]
    with Emulator({ODD: rows, PLAIN: rows}, Reading(by_bot={ODD: options})) as emulator:
        outcome = read(emulator.config(page_size=20))
        assert outcome.code == 1
        assert {record["bot_id"]: 120 for record in outcome.records if record["bot_id"] == PLAIN} == {PLAIN: 120}
        assert sum(record["bot_id"] == PLAIN for record in outcome.records) == 120
        errors = "\n".join(error["message"] for error in outcome.errors)
        assert ODD in errors
        assert sentence in errors
        assert "Traceback" not in outcome.stderr
