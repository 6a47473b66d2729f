"""Hypothesis strategies that draw scenarios. The simplest example of each is the plainest server.

A scenario has few draws: a server differs from the plainest in a handful of traits, and a log is a few clusters of
rows, each of a kind, a place and a count. What lies between is derived, so that thousands of examples take seconds and
a failing one shrinks to the traits and the rows that matter.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from integration_tests.kore_emulator.behaviour import (
    DAY,
    FAILURES,
    FORMS,
    HOUR,
    LOWEST_CEILING,
    MINUTE,
    SECOND,
    Behaviour,
    LogRow,
    parse,
)
from unit_tests.simulated.scenario import EVERYTHING, Chosen, Scenario

FILTERS = ("channel", "featureName", "taskId", "userIds", "channelUserIds")
ZONES = ("Asia/Kolkata", "America/Los_Angeles", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Kiritimati")
LONGEST_CALL = 14 * MINUTE
"""The vendor's gateway gives a call up after a minute; padding allows for a quarter of an hour."""


def some(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[Mapping[str, Any]]:
    return st.fixed_dictionaries(values)


def one(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def sets(values: Sequence[Any], most: int) -> st.SearchStrategy[frozenset[Any]]:
    return st.sets(one(*values), min_size=1, max_size=most).map(frozenset)


SMALL = st.integers(1, 10)
HOWS = one(*FAILURES[1:])
TRAITS: Mapping[str, st.SearchStrategy[Mapping[str, Any]]] = {
    # Pages
    "largest limit": some(largest_limit=one(10, 20, 50, 100, 500), above_limit=one("cut", "empty", *FAILURES)),
    "small limit": some(largest_limit=SMALL, above_limit=one("cut", "refused", "empty", "413")),
    "varying pages": some(varying_pages=one(True)),
    "too many rows": some(fails_above_rows=one(1, 2, 7, 10, 40, 100), fails_how=HOWS),
    "too many bytes": some(fails_above_bytes=one(300, 1_000, 3_000, 10_000, 6_000_000), fails_how=HOWS),
    "page bytes": some(page_bytes=st.integers(300, 6_000)),
    # Depth
    "high ceiling": some(skip_ceiling=one(1_000, 1_500), above_ceiling=one("empty", *FAILURES))
    | some(depth_ceiling=one(1_000, 1_024), above_ceiling=one("empty", *FAILURES)),
    "low ceiling": some(skip_ceiling=st.integers(0, 30), above_ceiling=one("empty", *FAILURES))
    | some(depth_ceiling=one(10, 20, 50, 51, 60, 70, 100), above_ceiling=one("empty", *FAILURES)),
    "most rows": some(most_rows=one(20, 50, 60)),
    "behind": some(behind=one("refused")),
    "skip": some(skip=one("ignored", "held", "rounded", "pages"), skip_held_at=st.integers(0, 12)),
    # Arguments
    "refused forms": some(refused_forms=sets(FORMS, 2)),
    "silent form": some(silent_forms=sets(FORMS, 1)),
    "numbers": some(numbers=one("text", "int")),
    "local zone": some(
        zone=one(*ZONES), zone_reads=sets(FORMS, 3), cut_in_zone=st.booleans(),
        refused_forms=one(frozenset(), frozenset(["milliseconds"])),
    ),
    "end of day": some(date_to_is_end_of_day=one(True)),
    "cut": some(
        cut=one(SECOND, MINUTE, 5 * MINUTE, HOUR, DAY), cut_to_up=st.booleans(), zone=one("UTC", *ZONES),
        cut_in_zone=one(True),
    ),
    "bounds": some(from_inclusive=st.booleans(), to_inclusive=st.booleans()),
    "days": some(above_longest=one("refused", "cut start", "cut end"), days_counted=one("hours", "calendar")),
    "future": some(future_to=one("refused", "empty", "now")),
    "cut and no future": some(
        future_to=one("refused", "empty", "now"), cut=one(HOUR, DAY), zone=one("UTC", *ZONES), cut_in_zone=one(True),
        refused_forms=one(frozenset(), frozenset(["milliseconds"]), frozenset(["milliseconds", "seconds"])),
    ),
    "no words": some(hints=one(False)),
    # Rows
    "filed": some(filed_under=one("end", "entry"), hidden_end=st.booleans()),
    "developer": some(developer=one("selects", "ignored")),
    "channels": some(
        no_channel=one("rtm", "rtm", "all"), channel_list=one("any", "any", "first", "known", "refused", "one", "text")
    ),
    "ignored filters": some(ignored_filters=sets(FILTERS, 5)),
    "spelling": some(spelling=one("table", "both"), unknown_keys=one("ignored", "refused")),
    # Order
    "order": some(
        order=one("filed", "start", "end", "entry", "written", "time taken", "arbitrary", "second", "day"),
        descending=st.booleans(),
    ),
    "sort": some(sort=one("ignored", "refused")),
    "no order": some(order=one("random", "blocks")),
    "ties": some(
        ties=one("turned", "shuffled", "paged", "heap"), heap_from=one(1, 2),
        order=one("filed", "end", "second", "day"), descending=st.booleans(),
    ),
    # What moves and fails
    "late": some(lag_seconds=one(30.0, 300.0)),
    "retention": some(deletes=st.integers(1, 3), deletes_in_all=one(3, 10, 30), descending=st.booleans())
    | some(retention_days=one(0.5, 30.0)),
    "replicas": some(replica_behind=st.integers(1, 5)),
    "inserted": some(inserts=st.integers(1, 3), inserts_in_all=one(3, 10, 40), inserts_into=one("now", "span")),
    "faults": some(fails_at=sets(range(16), 3)),
    "timeouts": some(times_out_at=sets(range(16), 3)),
    "hopeless": some(down=one(True)) | some(refuses=one(True)) | some(refused_forms=one(frozenset(FORMS))),
}  # fmt: skip
_names = st.lists(one(*TRAITS), max_size=5, unique=True)


@st.composite
def behaviours(draw: st.DrawFn, names: Sequence[str] | None = None) -> Behaviour:
    """A server that differs from the plainest in these traits, or in up to five of them."""
    chosen = draw(_names) if names is None else names
    return Behaviour(**{field: value for name in chosen for field, value in draw(TRAITS[name]).items()})


KINDS = (
    "spread",
    "minute",
    "tie",
    "burst",
    "midnight",
    "edge",
    "long",
    "hours",
    "endless",
    "future",
    "equal",
    "undated",
)
CLUSTERS = st.tuples(one(*KINDS), st.integers(1, 25), st.integers(0, 16), st.booleans(), st.integers(0, 255))
MOVES = st.tuples(one("", "", "", "", "", "", "appears", "vanishes"), st.integers(0, 30))
DENSE = st.tuples(one("spread", "spread", "minute", "tie"), one(1_050, 1_600), st.integers(0, 16))


@st.composite
def logs(draw: st.DrawFn, start: int, after: int, now: int, is_dense: bool = False) -> tuple[LogRow, ...]:
    """Rows in and around `[start, after)`: at most 25 in each of up to four clusters, between which there is nothing.

    Dense: and one cluster of more rows than the least `skip` that a server must answer.
    """
    rows: list[LogRow] = []
    moved, first = draw(MOVES)
    for cluster in range(draw(st.integers(1, 4))):
        kind, count, place, mixed, seed = draw(CLUSTERS)
        for index, row in enumerate(_rows(str(cluster), kind, count, place, start, after, now, mixed, seed)):
            if moved and cluster == 0:
                row = replace(row, **{moved: first + index})
            rows.append(row)
    if is_dense:
        kind, count, place = draw(DENSE)
        rows += _rows("dense", kind, count, place, start, after, now, False, 0)
    return tuple(rows)


def _rows(
    name: str, kind: str, count: int, place: int, start: int, after: int, now: int, mixed: bool, seed: int
) -> list[LogRow]:
    chance = random.Random(seed)
    anchor = start + (after - start) * place // 16
    rows = []
    for index in range(count):
        took = chance.randint(0, 5_000)
        begun: int | None
        ended: int | None
        begun, ended, unshown = None, anchor, None
        if kind == "spread":
            ended = start + (after - start) * (2 * index + 1) // (2 * count) + chance.randint(0, 59_999)
        elif kind == "minute":
            ended = anchor + 60_000 * index // count
        elif kind == "burst":
            ended = anchor + index // 3
        elif kind == "midnight":
            ended = anchor // DAY * DAY + index % 3 - 1
        elif kind == "edge":
            ended = (start, after)[index % 2] + index // 2 % 3 - 1
        elif kind == "future":
            ended = now + chance.choice([1, MINUTE, HOUR, DAY, 3 * DAY])
        elif kind == "long" or (kind == "hours" and index == 0):
            ended, took = anchor + index * MINUTE, chance.randint(MINUTE, LONGEST_CALL)
        elif kind == "endless":
            begun = anchor + index * SECOND
            ended, unshown = None, begun + chance.randint(0, 2 * MINUTE)
        elif kind == "undated":
            ended, unshown = None, anchor
        else:  # tie, equal, and what came with the one long call
            took = SECOND
        if ended is not None:
            begun = ended - took
        is_equal = kind == "equal"
        number = f"{name}.{0 if is_equal else index}"
        rows.append(LogRow(number, begun, ended, unshown, **(_mixture(chance, is_equal) if mixed else {})))
    return rows


def _mixture(chance: random.Random, is_equal: bool) -> dict[str, Any]:
    """What else a row may be. Equal rows are alike in this too."""
    if is_equal:
        return {"channel": "msteams", "size": 1_500}
    return {
        "delay": chance.choice([0, 0, SECOND, 30 * SECOND, 2 * MINUTE]),
        "channel": chance.choice(["rtm", "rtm", "msteams", "ivr", "smartassist", "korevg", "developer"]),
        "feature": chance.choice(["Agent Node", "GenAI Node"]),
        "task": chance.choice(["dg-1", "dg-2"]),
        "user": chance.choice(["u-1", "u-2", "u-3"]),
        "channel_user": chance.choice(["29:1", "29:2"]),
        "developer": chance.random() < 0.3,
        "size": chance.choice([200, 500, 1_500, 5_000]),
    }


CHOSEN = st.builds(
    Chosen,
    include_developer=one(True, False),
    channels=one((), ("msteams",), ("rtm", "ivr")),
    feature_names=one((), ("GenAI Node",)),
    task_id=one(None, "dg-2"),
    user_ids=one((), ("u-2", "u-3")),
    channel_user_ids=one((), ("29:2",)),
)
# The last two lie in and just behind the hours in which clocks in Berlin are set forward and back.
NOWS = tuple(
    when
    for text in (
        "2024-05-15T10:17:23.456Z", "2024-05-15T00:03:00.000Z", "2024-03-01T23:59:59.999Z", "2024-03-31T01:30:00.000Z",
        "2024-10-27T02:10:00.000Z",
    )
    for when, _ in [parse(text) or (0, "")]
)  # fmt: skip
SPANS = (DAY, 5 * MINUTE, HOUR, 3 * DAY, 20 * DAY, 86 * DAY, 91 * DAY, 200 * DAY)
FRAMES = st.tuples(one(*NOWS), one(5 * MINUTE, HOUR, DAY), one(*SPANS), st.integers(0, 255), one(*3 * [False], True))
PAGE_SIZES = one(None, None, None, 1, 2, 7, 50)


def _has_large_pages(does: Behaviour) -> bool:
    """Whether more than a thousand rows come in less than a hundred pages."""
    rows = (does.largest_limit, does.fails_above_rows, does.varying_pages or None)
    sizes = (does.page_bytes, does.fails_above_bytes)
    return all(most is None or most >= 50 for most in rows) and all(most is None or most > 50_000 for most in sizes)


@st.composite
def servers(draw: st.DrawFn, traits: Sequence[str] | None = None) -> Scenario:
    """A bot on a server with these traits, or with up to five; its log; and the window to read."""
    now, settling, span, seed, is_chosen = draw(FRAMES)
    after = now - settling
    start = after - span
    does = draw(behaviours(traits))
    is_dense = max(does.skip_ceiling or 0, does.depth_ceiling or 0) >= LOWEST_CEILING and _has_large_pages(does)
    log = draw(logs(start, after, now, is_dense))
    page_size = draw(one(None, None, 100) if is_dense else PAGE_SIZES)
    longest_part = draw(one(90, 90, 90, 1)) * DAY if span <= 20 * DAY else 90 * DAY
    chosen = draw(CHOSEN) if is_chosen else EVERYTHING
    clock_ahead = draw(one(0, 0, 0, 3 * HOUR, 200 * DAY))
    return Scenario(does, log, now, start, after, chosen, page_size, longest_part, clock_ahead, seed)
