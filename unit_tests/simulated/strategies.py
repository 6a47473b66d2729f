"""Scenarios that follow from a number: servers, logs and windows, and how a failing one is made smaller.

A server differs from the plainest in a handful of traits, a log is a few clusters of rows, each of a kind, a place and
a count.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import combinations
from typing import Any

from integration_tests.kore_emulator.behaviour import (
    DAY,
    FAILURES,
    FORMS,
    HOUR,
    LOWEST_CEILING,
    MINUTE,
    PLAIN,
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


def sets(values: Sequence[Any], most: int) -> list[frozenset[Any]]:
    """The sets of one to so many of these."""
    return [frozenset(chosen) for size in range(1, most + 1) for chosen in combinations(values, size)]


HOWS = FAILURES[1:]
BOTH = (False, True)
LIMITS = (None, None, 3, 5, 10, 20)
NO_MILLISECONDS = (frozenset[str](), frozenset(["milliseconds"]))
TRAITS: Mapping[str, Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]]] = {
    # Pages
    "largest limit": {"largest_limit": (10, 20, 50, 100, 500), "above_limit": ("cut", "empty", *FAILURES)},
    "small limit": {"largest_limit": range(1, 11), "above_limit": ("cut", "refused", "empty", "413")},
    "varying pages": {"varying_pages": (True,)},
    "too many rows": {"fails_above_rows": (1, 2, 7, 10, 40, 100), "fails_how": HOWS},
    "too many bytes": {"fails_above_bytes": (300, 1_000, 3_000, 10_000, 6_000_000), "fails_how": HOWS},
    "page bytes": {"page_bytes": range(300, 6_000)},
    # Depth
    "high ceiling": [
        {"skip_ceiling": (1_000, 1_500), "above_ceiling": ("empty", *FAILURES)},
        {"depth_ceiling": (1_000, 1_024), "above_ceiling": ("empty", *FAILURES)},
    ],
    "low ceiling": [
        {"skip_ceiling": range(31), "above_ceiling": ("empty", *FAILURES), "largest_limit": LIMITS},
        {"depth_ceiling": (10, 20, 50, 51, 60, 70, 100), "above_ceiling": ("empty", *FAILURES)},
    ],
    "most rows": {
        "most_rows": (50, 50, 60, 100), "order": ("filed", "end", "time taken", "arbitrary"), "descending": BOTH,
    },
    "behind": {"behind": ("refused",)},
    "skip": {"skip": ("ignored", "held", "rounded", "pages"), "skip_held_at": range(13), "largest_limit": LIMITS},
    # Arguments
    "refused forms": {"refused_forms": sets(FORMS, 2)},
    "silent form": {"silent_forms": sets(FORMS, 1)},
    "numbers": {"numbers": ("text", "int")},
    "local zone": {
        "zone": ZONES, "zone_reads": sets(FORMS, 3), "cut_in_zone": BOTH, "refused_forms": NO_MILLISECONDS,
    },
    "day of full dates": {
        "day_of_full": (True,), "date_to_is_end_of_day": (True,), "zone": ("UTC", *ZONES), "cut_in_zone": (True,),
        "zone_reads": [frozenset(FORMS)],
    },
    "end of day": {"date_to_is_end_of_day": (True,), "refused_forms": [frozenset(), frozenset(FORMS[:2])]},
    "cut": {
        "cut": (SECOND, MINUTE, 5 * MINUTE, HOUR, DAY), "cut_to_up": BOTH, "zone": ("UTC", *ZONES),
        "cut_in_zone": (True,), "from_inclusive": BOTH, "to_inclusive": BOTH,
    },
    "bounds": {"from_inclusive": BOTH, "to_inclusive": BOTH},
    "days": {"above_longest": ("refused", "cut start", "cut end"), "days_counted": ("hours", "calendar")},
    "future": {"future_to": ("refused", "empty", "now")},
    "cut and no future": {
        "future_to": ("refused", "empty", "now"), "cut": (HOUR, DAY), "zone": ("UTC", *ZONES), "cut_in_zone": (True,),
        "refused_forms": (*NO_MILLISECONDS, frozenset(["milliseconds", "seconds"])),
    },
    "no words": {"hints": (False,)},
    # Rows
    "filed": {"filed_under": ("end", "entry"), "hidden_end": BOTH},
    "developer": {"developer": ("selects", "ignored")},
    "channels": {
        "no_channel": ("rtm", "rtm", "all"),
        "channel_list": ("any", "any", "first", "known", "refused", "one", "text", "none"),
    },
    "ignored filters": {"ignored_filters": sets(FILTERS, 5)},
    "spelling": {"spelling": ("table", "both"), "unknown_keys": ("ignored", "refused")},
    # Order
    "order": {
        "order": ("filed", "start", "end", "entry", "written", "time taken", "arbitrary", "second", "day"),
        "descending": BOTH, "largest_limit": LIMITS,
    },
    "sort": {"sort": ("ignored", "refused", "times out")},
    "no order": {"order": ("random", "blocks"), "largest_limit": LIMITS},
    "ties": {
        "ties": ("turned", "shuffled", "paged", "heap"), "heap_from": (1, 2),
        "order": ("filed", "end", "second", "day"), "descending": BOTH, "largest_limit": LIMITS,
    },
    # What moves and fails
    "late": {"lag_seconds": (30.0, 300.0)},
    "retention": [
        {"deletes": (1, 2, 3), "deletes_in_all": (3, 10, 30, 1_000), "descending": BOTH, "largest_limit": LIMITS},
        {"retention_days": (0.5, 30.0)},
    ],
    "replicas": {"replica_behind": range(1, 6)},
    "inserted": {
        "inserts": (1, 2, 3), "inserts_in_all": (3, 10, 40), "inserts_into": ("now", "span"), "largest_limit": LIMITS,
    },
    "faults": {"fails_at": sets(range(16), 3)},
    "timeouts": {"times_out_at": sets(range(16), 3)},
    "hopeless": [{"down": (True,)}, {"refuses": (True,)}, {"refused_forms": (frozenset(FORMS),)}],
}  # fmt: skip


def behaviour(chance: random.Random) -> Behaviour:
    """A server that differs from the plainest in up to five traits."""
    drawn: dict[str, Any] = {}
    for name in chance.sample(list(TRAITS), chance.choice((0, 1, 1, 2, 2, 2, 3, 3, 4, 5))):
        trait = TRAITS[name]
        values = trait if isinstance(trait, Mapping) else chance.choice(trait)
        drawn |= {field: value for field, choices in values.items() if (value := chance.choice(choices)) is not None}
    return Behaviour(**drawn)


KINDS = (
    "spread", "minute", "tie", "burst", "midnight", "edge", "long", "hours", "endless", "future", "equal", "undated",
    "days",
)  # fmt: skip


def log(chance: random.Random, start: int, after: int, now: int, more: int) -> tuple[LogRow, ...]:
    """Rows in and around `[start, after)`: at most 25 in each of up to four clusters, between which there is nothing.

    And one cluster of `more` rows.
    """
    rows: list[LogRow] = []
    moved, first = chance.choice(("", "", "", "", "", "", "appears", "vanishes")), chance.randint(0, 30)
    for cluster in range(chance.randint(1, 4)):
        made = _rows(
            f"{cluster}", chance.choice(KINDS), chance.randint(1, 25), start, after, now, chance.random() < 0.5, chance
        )
        for index, row in enumerate(made):
            rows.append(replace(row, **{moved: first + index}) if moved and cluster == 0 else row)
    if more:
        kind = chance.choice(("spread", "spread", "minute", "tie"))
        rows += _rows("more", kind, more, start, after, now, False, chance)
    return tuple(rows)


def _rows(
    name: str, kind: str, count: int, start: int, after: int, now: int, mixed: bool, chance: random.Random
) -> list[LogRow]:
    anchor = start + (after - start) * chance.randint(0, 16) // 16
    rows = []
    for index in range(count):
        took = chance.randint(0, 5_000)
        begun, ended, unshown = None, anchor, None
        if kind == "spread":
            ended = start + (after - start) * (2 * index + 1) // (2 * count) + chance.randint(0, 59_999)
        elif kind == "days":
            ended = anchor + 3 * DAY * index // count
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


def chosen(chance: random.Random) -> Chosen:
    return Chosen(
        include_developer=chance.choice(BOTH),
        channels=chance.choice(((), ("msteams",), ("rtm", "ivr"))),
        feature_names=chance.choice(((), ("GenAI Node",))),
        task_id=chance.choice((None, "dg-2")),
        user_ids=chance.choice(((), ("u-2", "u-3"))),
        channel_user_ids=chance.choice(((), ("29:2",))),
    )


# The last two lie in and just behind the hours in which clocks in Berlin are set forward and back.
NOWS = [parse(f"2024-{text}Z")[0] for text in (
    "05-15T10:17:23.456", "05-15T00:03:00.000", "03-01T23:59:59.999", "03-31T01:30:00.000", "10-27T02:10:00.000",
)]  # fmt: skip
SPANS = (DAY, 5 * MINUTE, HOUR, 3 * DAY, 20 * DAY, 86 * DAY, 91 * DAY, 200 * DAY)


def _has_large_pages(does: Behaviour) -> bool:
    """Whether more than a thousand rows come in less than a hundred pages."""
    rows = (does.largest_limit, does.fails_above_rows, does.varying_pages or None)
    sizes = (does.page_bytes, does.fails_above_bytes)
    return all(most is None or most >= 50 for most in rows) and all(most is None or most > 50_000 for most in sizes)


def drawn(seed: int) -> Scenario:
    """A bot on a server; its log; and the window to read."""
    chance = random.Random(seed)
    now, span = chance.choice(NOWS), chance.choice(SPANS)
    after = now - chance.choice((5 * MINUTE, HOUR, DAY))
    start = after - span
    does = behaviour(chance)
    is_dense = max(does.skip_ceiling or 0, does.depth_ceiling or 0) >= LOWEST_CEILING and _has_large_pages(does)
    more = chance.choice((1_050, 1_600)) if is_dense else chance.choice((0, 150)) if does.most_rows else 0
    return Scenario(
        does,
        log(chance, start, after, now, more),
        now,
        start,
        after,
        chosen(chance) if chance.random() < 0.25 else EVERYTHING,
        page_size=chance.choice((None, None, 100) if is_dense else (None, None, None, 1, 2, 7, 50)),
        longest_part=chance.choice((90, 90, 90, 1)) * DAY if span <= 20 * DAY else 90 * DAY,
        clock_ahead=chance.choice((0, 0, 0, 3 * HOUR, 200 * DAY)),
        seed=seed,
    )


def smallest(told: Scenario, fails: Callable[[Scenario], bool], tries: int = 200) -> Scenario:
    """A simpler scenario that fails as well, with fewer traits, rows and settings, as far as so many tries lead."""
    simpler = _simpler(told)
    while tries and (other := next(simpler, None)):
        tries -= 1
        if fails(other):
            told, simpler = other, _simpler(other)
    return told


def _simpler(told: Scenario) -> Iterator[Scenario]:
    count = len(told.log)
    for size in (size for size in (count // 2, count // 4, count // 8, 1) if size):
        for first in range(0, count, size):
            yield replace(told, log=told.log[:first] + told.log[first + size :])
    for field in fields(PLAIN):
        if getattr(told.behaviour, field.name) != field.default:
            yield replace(told, behaviour=replace(told.behaviour, **{field.name: field.default}))
    for name, plain in (("chosen", EVERYTHING), ("page_size", None), ("clock_ahead", 0), ("longest_part", 90 * DAY)):
        if getattr(told, name) != plain:
            yield replace(told, **{name: plain})
