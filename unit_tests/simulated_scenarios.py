"""Hypothesis strategies that draw servers, logs and windows. The simplest example of each is the plainest server.

A scenario has few draws: a server differs from the plainest in a handful of traits, and a log is a few clusters of
rows, each of a kind, a place and a count. What lies between is derived, so that thousands of examples take seconds and
a failing one shrinks to the traits and the rows that matter.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from hypothesis import strategies as st

from unit_tests.simulated_behaviour import (
    DATES,
    DAY,
    EVERYTHING,
    FORMS,
    HOUR,
    MILLISECONDS,
    MINUTE,
    SECOND,
    SECONDS,
    Behaviour,
    Choice,
    LogRow,
    parse,
)
from unit_tests.simulated_promise import outside
from unit_tests.simulated_server import Scenario, SimulatedBot

FILTERS = ("channel", "featureName", "taskId", "userIds", "channelUserIds")
ZONES = (0, 330, -420, 60, -180, 765)
SMALL = st.integers(1, 10)
FEW_REQUESTS = st.sets(st.integers(0, 15), min_size=1, max_size=3).map(frozenset)
FEW_FORMS = st.sets(st.sampled_from([MILLISECONDS, SECONDS, DATES]), max_size=2).map(frozenset)


def some(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[Mapping[str, Any]]:
    return st.fixed_dictionaries(values)


def one(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


TRAITS: Mapping[str, st.SearchStrategy[Mapping[str, Any]]] = {
    "page rows": some(page_rows=SMALL),
    "varying pages": some(page_rows_vary=st.just(True)),
    "too large": some(too_large_rows=SMALL),
    "largest limit": some(largest_limit=st.integers(1, 120), above_limit=one("cut", "refused", "empty", "too large")),
    "small limit": some(largest_limit=SMALL, above_limit=one("cut", "refused")),
    "bytes": some(page_bytes=st.integers(300, 6_000), above_bytes=one("row", "too large", "empty")),
    "skip ceiling": some(skip_ceiling=st.integers(0, 30), above_ceiling=one("refused", "empty", "unavailable")),
    "depth ceiling": some(
        depth_ceiling=one(60, 50, 51, 70, 100, 10, 20), above_ceiling=one("refused", "empty", "too large")
    ),
    "behind": some(behind=one("refused")),
    "skip": some(skip=one("ignored", "held"), skip_held_at=st.integers(0, 12)),
    "refused forms": some(refused_forms=FEW_FORMS),
    "invalid form": some(invalid_forms=one(MILLISECONDS, SECONDS, DATES).map(lambda form: frozenset([form]))),
    "numbers": some(numbers=one("text", "int")),
    "local zone": some(
        local_zone=one(*ZONES[1:]), dates_in_local_zone=st.booleans(), refused_forms=one(frozenset([MILLISECONDS]))
    ),
    "end of day": some(date_to_is_end_of_day=st.just(True)),
    "cut": some(cut=one(SECOND, MINUTE, 5 * MINUTE, HOUR, DAY), cut_zone=one(*ZONES), cut_to_up=st.booleans()),
    "bounds": some(from_inclusive=st.booleans(), to_inclusive=st.booleans()),
    "days": some(above_90_days=one("refused", "cut start", "cut end"), days_counted=one("hours", "calendar")),
    "future": some(future_to=one("refused", "empty", "now")),
    "filed": some(filed_under=one("end", "entry"), hidden_end=st.booleans()),
    "developer": some(developer=one("selects", "ignored")),
    "channels": some(
        no_channel=one("rtm", "rtm", "all"), channel_list=one("any", "any", "first", "known", "refused", "one", "text")
    ),
    "ignored filters": some(ignored_filters=st.sets(one(*FILTERS), min_size=1).map(frozenset)),
    "spelling": some(spelling=one("table", "both"), unknown_keys=one("ignored", "refused")),
    "order": some(
        order=one("filed", "end", "start", "entry", "written", "time taken", "arbitrary", "random"),
        descending=st.booleans(),
    ),
    "ties": some(ties=one("turned", "shuffled", "paged"), order=one("filed", "end", "entry"), descending=st.booleans()),
    "live": some(
        live_rows=st.integers(1, 3), live_total=st.integers(1, 40), live_into=one("tail", "span"), descending=one(True)
    ),
    "faults": some(faults=FEW_REQUESTS) | some(timeouts=FEW_REQUESTS),
    "hopeless": some(down=one(True)) | some(refuses=one(True)) | some(refused_forms=one(frozenset(FORMS))),
}
OF_THE_BOT = (
    "page rows", "largest limit", "small limit", "bytes", "skip ceiling", "depth ceiling", "too large", "varying pages",
    "refused forms", "faults", "live", "hopeless",
)  # fmt: skip


@st.composite
def _traits(draw: st.DrawFn, names: Sequence[str], most: int) -> dict[str, Any]:
    """The fields of a behaviour that at most `most` of these traits give."""
    chosen = draw(_names(tuple(names), most)) if names else []
    return {field: value for name in chosen for field, value in draw(TRAITS[name]).items()}


@cache
def _names(names: tuple[str, ...], most: int) -> st.SearchStrategy[list[str]]:
    return st.lists(one(*names), max_size=most, unique=True)


def behaviours(traits: Sequence[str] = tuple(TRAITS), most: int = 5) -> st.SearchStrategy[Behaviour]:
    """Servers that differ from the plainest in at most `most` of these traits."""
    return _traits(traits, most).map(lambda drawn: Behaviour(**drawn))


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


@st.composite
def logs(
    draw: st.DrawFn,
    start: int,
    after: int,
    now: int,
    most_clusters: int = 4,
    longest_call: int = 9 * HOUR,
    moves: bool = True,
) -> tuple[LogRow, ...]:
    """Rows in and around `[start, after)`: at most 25 in each of a few clusters, between which there is nothing.

    `moves` lets rows come and go while they are read.
    """
    rows: list[LogRow] = []
    moved, first = draw(MOVES) if moves else ("", 0)
    for cluster in range(draw(st.integers(1, most_clusters))):
        kind, count, place, mixed, seed = draw(CLUSTERS)
        chance = random.Random(seed)
        anchor = start + (after - start) * place // 16
        dates = [_dates(kind, index, count, anchor, start, after, now, longest_call, chance) for index in range(count)]
        for index, (begun, ended, unshown) in enumerate(dates):
            number = f"{cluster}.{0 if kind == 'equal' else index}"
            row = LogRow(number, begun, ended, unshown, **(_mixture(chance, kind == "equal") if mixed else {}))
            if moved and cluster == 0:
                when = first + index
                row = replace(row, appears=when) if moved == "appears" else replace(row, vanishes=when)
            rows.append(row)
    return tuple(rows)


def _dates(
    kind: str,
    index: int,
    count: int,
    anchor: int,
    start: int,
    after: int,
    now: int,
    longest: int,
    chance: random.Random,
) -> tuple[int | None, int | None, int | None]:
    """The start, the end, and the end that is not shown, of one row of a cluster."""
    took = chance.randint(0, 5_000)
    if kind == "undated":
        return (None, None, anchor) if index % 2 else (None, anchor + index, None)
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
    elif kind == "long":
        ended, took = anchor + index * MINUTE, min(chance.randint(MINUTE, HOUR), longest)
    elif kind == "hours" and index == 0:
        ended, took = anchor, min(chance.randint(2 * HOUR, 9 * HOUR), longest)
    else:  # tie, equal, endless, and what else came with the one call of several hours
        ended, took = anchor, 1_000
    if kind == "endless":
        return anchor + index * SECOND, None, anchor + index * SECOND + chance.randint(0, 2 * MINUTE)
    return ended - took, ended, None


def _mixture(chance: random.Random, plain: bool) -> dict[str, Any]:
    """What else a row may be. Equal rows are alike in this too."""
    if plain:
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


CHOICES = st.builds(
    Choice,
    include_developer_usage=one(True, False),
    channels=one((), ("msteams",), ("rtm", "ivr")),
    feature_names=one((), ("GenAI Node",)),
    task_id=one(None, "dg-2"),
    user_ids=one((), ("u-2", "u-3")),
    channel_user_ids=one((), ("29:2",)),
)


def _noticeable(bot: SimulatedBot) -> SimulatedBot:
    """The bot, without what keeps a reader from noticing that rows are missing."""
    if next(outside(bot), None) is None:
        return bot
    does = bot.behaviour
    loud = replace(
        does,
        invalid_forms=frozenset(),
        above_limit="refused" if does.above_limit == "empty" else does.above_limit,
        above_ceiling="refused" if does.above_ceiling == "empty" else does.above_ceiling,
        above_bytes="row",
        behind="empty",
        order="filed" if does.order == "random" else does.order,
        ties="stable",
    )
    return replace(bot, behaviour=loud)


NOWS = tuple(
    parse(text)[0] for text in ("2024-05-15T10:17:23.456Z", "2024-05-15T00:03:00.000Z", "2024-03-01T23:59:59.999Z")
)
SPANS = (DAY, 5 * MINUTE, HOUR, 3 * DAY, 20 * DAY, 86 * DAY, 91 * DAY, 200 * DAY)
FRAMES = st.tuples(
    one(*NOWS), one(5 * MINUTE, HOUR, DAY), one(*SPANS), st.integers(0, 255), one(False, False, False, True),
    st.integers(1, 3),
)  # fmt: skip


@st.composite
def servers(
    draw: st.DrawFn,
    most_bots: int = 3,
    traits: Sequence[str] = tuple(TRAITS),
    most_traits: int = 5,
    choose: bool = True,
    longest_call: int = 9 * HOUR,
    moves: bool = True,
) -> Scenario:
    """One to three bots on one server, and the window to read. Only of servers whose losses a reader can notice.

    Traits of the server are shared; caps, ceilings and refusals are each bot's own.
    """
    now, settling, span, seed, chosen, count = draw(FRAMES)
    after = now - settling
    start = after - span
    shared = draw(_traits([name for name in traits if name not in OF_THE_BOT], most_traits - 2))
    own = [name for name in traits if name in OF_THE_BOT]
    bots = []
    for number in range(min(count, most_bots)):
        behaviour = Behaviour(**(shared | draw(_traits(own, 2))))
        log = draw(logs(start, after, now, longest_call=longest_call, moves=moves))
        bots.append(_noticeable(SimulatedBot(f"st-{number}", behaviour, log)))
    choice = draw(CHOICES) if choose and chosen else EVERYTHING
    return Scenario(tuple(bots), now, start, after, choice, seed)
