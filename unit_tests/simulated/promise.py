"""What a sync of a simulated server owes: which rows, how often, in which requests, and where it may fail instead.

A field's class stands with the field (`behaviour.py`). Here is what depends on the rows and on the choice besides.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from integration_tests.kore_emulator.behaviour import (
    DAY,
    DOCUMENTED_CHANNELS,
    HOUR,
    MINUTE,
    MOST_THAT_REST,
    Behaviour,
    LogRow,
    Promise,
    iso,
    parse,
)
from integration_tests.kore_emulator.simulation import days_touched, filed, to_clock, to_cut
from unit_tests.simulated.scenario import Scenario, Server

SAMPLE = 50
"""The limit of the vendor's sample [D]."""
SMALLEST_LIMIT = 10
"""Of a page, by the table."""
FARTHEST_BEHIND = 4 * DAY
"""How far behind now a cursor may wait: 38 hours and a quarter, days rounded, and what a whole zone is off."""


class Truth(NamedTuple):
    """Numbers of rows, with the time by which they are owed: those that must be yielded, and those that may be."""

    must: dict[str, int]
    may: set[str]


def truth(server: Server) -> Truth:
    """Call it when the sync has ended. Owed is each row that was there all the time and that some request finds."""
    told, last = server.scenario, max(0, len(server.requests) - 1)
    does = replace(told.behaviour, replica_behind=0)
    moments = ((0, told.now), (last, server.clock))
    there = set.intersection(*({*map(id, server.log.present(does, *moment))} for moment in moments))
    must: dict[str, int] = {}
    may: set[str] = set()
    for row in server.log.rows:
        if row.appears > last or not (row.time is None or told.start <= row.time < told.after):
            continue
        # Developers are in no column, so a server that does not tell them apart gives them.
        shown = replace(row, developer=False) if does.developer in ("ignored", "true selects") else row
        if not _is_chosen(told, shown):
            continue
        may.add(row.number)
        owed = row.time if row.time is not None else row.entry
        is_owed = owed is not None and told.start <= owed < told.after
        if is_owed and id(row) in there and _is_chosen(told, row) and _is_found_somehow(told, row):
            must[row.number] = owed
    return Truth(must, may)


def _is_chosen(told: Scenario, row: LogRow) -> bool:
    chosen = told.chosen
    return (
        (not chosen.channels or row.channel in chosen.channels)
        and (not chosen.feature_names or row.feature in chosen.feature_names)
        and (not chosen.task_id or row.task == chosen.task_id)
        and (not chosen.user_ids or row.user in chosen.user_ids)
        and (not chosen.channel_user_ids or row.channel_user in chosen.channel_user_ids)
        and (chosen.include_developer or not row.developer)
    )


def _is_found_somehow(told: Scenario, row: LogRow) -> bool:
    does = told.behaviour
    if does.no_channel == "all" or row.channel == "rtm":
        return True
    return "channel" not in does.ignored_filters and row.channel in (*DOCUMENTED_CHANNELS, *told.chosen.channels)


def promise(told: Scenario) -> Promise:
    """What is owed; the weakest class of all that is in force."""
    if next(outside(told), None):
        return Promise.OUTSIDE
    return Promise.READ_OR_RAISE if next(may_raise(told), None) else Promise.READ


def outside(told: Scenario) -> Iterator[str]:
    """Why no reader could know that rows of this bot are missing."""
    does, log = told.behaviour, [row for row in told.log if _is_chosen(told, row)]
    if not does.usable_forms and does.silent_forms:
        yield "no form of dates gives a row, and some are not refused: an empty log looks the same"
    hidden = ("milliseconds" in does.silent_forms or does.future_to == "empty") + (does.above_limit == "empty")
    scopes = [
        [does.developer == "selects" and told.chosen.include_developer and row.developer for row in log],
        [does.no_channel == "rtm" and not told.chosen.channels and row.channel != "rtm" for row in log],
    ]
    is_long = told.after - told.start > 80 * DAY  # Then there may be a stretch of days with nothing else.
    if (any if is_long else all)(any(hides) for hides in zip(*scopes, strict=True)):
        hidden += sum(any(hides) for hides in scopes)
        hidden += any(scopes[1]) and does.channel_list in ("first", "known", "none")
    before = told.now - 3 * HOUR
    if (does.cut_in_zone or does.zone_reads) and to_clock(does.zone, before) - before != (
        to_clock(does.zone, told.now) - told.now
    ):
        yield "clocks were set in the last hours, and the server goes by them"
    pages = [most for most in (does.largest_limit, does.fails_above_rows, told.page_size) if most is not None]
    if does.above_ceiling == "empty" and min(pages, default=SAMPLE) < SMALLEST_LIMIT:
        yield "a low ceiling looks like the end, and pages are too small to show more in another order"
    hidden += does.above_ceiling == "empty" and does.depth_ceiling is not None and does.depth_ceiling < SAMPLE
    if does.most_rows is not None and _densest(told, 5 * MINUTE) >= does.most_rows:
        yield "more rows lie close together than a request finds in all, and no request tells them apart"
    is_moving = does.inserts or does.deletes or any(row.appears or row.vanishes is not None for row in told.log)
    is_limited = does.most_rows is not None or does.skip_ceiling is not None
    if min(pages, default=SAMPLE) < SMALLEST_LIMIT and (is_moving or is_limited):
        yield "rows move, or no more than so many are found, and few are shown at a time"
    if told.chosen.channels and does.channel_list == "none":
        hidden += 1 + all(row.developer for row in log)
    if hidden > 1:
        yield "two of the rarer things at once hide all rows"

    if does.most_rows is not None and _most_that_look_alike(told) > does.most_rows:
        yield "more rows than are ever found lie where no request and no order tells them apart"


def _most_that_look_alike(told: Scenario) -> int:
    """The most rows of which any request finds all or none, and that any order leaves as they are."""
    does = told.behaviour
    by_taken = does.sort == "honoured"
    alike = Counter((to_cut(does, filed(does, row) or 0), row.taken if by_taken else 0) for row in told.log)
    return max(alike.values(), default=0)


def may_raise(told: Scenario) -> Iterator[str]:
    """Why a reader may give up this bot."""
    does, log = told.behaviour, told.log
    if not _is_a_filter_missed(told):
        does = replace(does, ignored_filters=frozenset())
    if does.promise is not Promise.READ:
        yield "by the table"
    if not does.usable_forms:
        yield "every form of dates is refused"
    if does.fails_above_bytes is not None and any(row.size + 2 > does.fails_above_bytes for row in log):
        yield "a row is larger than any page"
    equal = max(Counter(row.number for row in log).values(), default=0)
    pages = (does.largest_limit, does.fails_above_rows, told.page_size, 1 if does.varying_pages else None)
    if equal > 1 and (does.fails_above_bytes or any(most is not None and equal > most for most in pages)):
        yield "there are more equal rows than a page shows"
    is_tiny = any(most is not None and most < SMALLEST_LIMIT for most in pages)
    if is_tiny and (does.ties != "stable" or does.behind == "refused" or does.replica_behind):
        yield "pages so small cannot be asked for in another way"
    alike = max(Counter((row.start, row.taken) for row in log).values(), default=0)
    if does.ties != "stable" and any(most is not None and alike > most for most in pages):
        yield "more rows than a page shows are alike in every order"
    moves = sum((row.appears > 0) + (row.vanishes is not None) for row in log)
    if is_tiny and (moves or does.deletes):
        yield "rows move, and pages so small cannot show which went"
    if moves + does.inserts_in_all > MOST_THAT_REST:
        yield "rows hardly ever rest"
    ceilings = [ceiling for ceiling in (does.skip_ceiling, does.depth_ceiling) if ceiling is not None]
    if ceilings and _densest(told, 20 * MINUTE) > min(ceilings) - 100:
        yield "no request can be made short enough for the ceiling"


def _is_a_filter_missed(told: Scenario) -> bool:
    keys = {"channels": "channel", "feature_names": "featureName", "task_id": "taskId", "user_ids": "userIds"}
    asked = {keys.get(name, "channelUserIds") for name in told.chosen.filters()}
    return bool(
        told.behaviour.ignored_filters & (asked | ({"channel"} if told.behaviour.no_channel == "rtm" else set()))
    )


def _densest(told: Scenario, padding: int) -> int:
    """The most rows that the shortest request may find, padded at both ends as its server's bounds ask for."""
    does = told.behaviour
    padding = padding if _is_exact(does) else 39 * HOUR + (0 if does.usable_forms - {"day"} else DAY)
    times = sorted(time for row in told.log if (time := filed(does, row)) is not None)
    stretch = 2 * padding + MINUTE
    return max((bisect_left(times, time + stretch) - index for index, time in enumerate(times)), default=0)


def _is_exact(does: Behaviour) -> bool:
    return does.cut <= 5 * MINUTE and not does.day_of_full and "milliseconds" in does.usable_forms - does.zone_reads


def assert_requests(server: Server) -> None:
    """Each request asks for 90 calendar days at most, the right way round, and for no more rows than is chosen."""
    for request in server.requests:
        skip, limit = (int(request.body[key]) for key in ("skip", "limit"))
        assert skip >= 0 < limit <= (server.scenario.page_size or 1_000), f"skip {skip}, limit {limit}"
        dates = [parse(request.body[key]) for key in ("dateFrom", "dateTo")]
        assert None not in dates, f"no date that a server is known to take: {request.body}"
        (low, _), (high, form) = dates  # type: ignore[misc]
        assert low <= high, f"dateFrom after dateTo: {request.body}"
        days = days_touched(low, high + 1 if form == "day" else high)
        assert days <= 90, f"{days} calendar days in one request: {request.body}"


def assert_kept(
    server: Server, yielded: list[str], checkpoints: list[tuple[int, int]], error: BaseException | None
) -> None:
    """The sync yielded what it had to, each row once, and raised `error` only where it may.

    `checkpoints`: how many rows had been yielded when each came, and up to where it says that all have been.
    """
    told = server.scenario
    assert_requests(server)
    repeated = sorted(number for number, count in Counter(yielded).items() if count > 1)
    assert not repeated, f"yielded twice: {repeated}"
    must, may = truth(server)
    surplus = sorted(set(yielded) - may)
    assert not surplus, f"yielded, but not of this window or not chosen: {surplus}"
    untils = [told.start, *(until for _, until in checkpoints)]
    assert untils == sorted(untils), "a checkpoint goes back"
    assert untils[-1] <= told.after, "a checkpoint lies behind the window"
    kept = promise(told)
    if kept is Promise.OUTSIDE:
        return
    if error is not None and kept is Promise.READ:
        raise AssertionError(f"raised where every row is to be read: {told.behaviour}") from error
    if error is None:
        late = min(told.after, told.now - FARTHEST_BEHIND)
        assert untils[-1] >= late, f"ended well, and the cursor stays at {iso(untils[-1])}"
    place = {number: index for index, number in enumerate(yielded)}
    for count, until in checkpoints:
        lost = sorted(number for number, time in must.items() if time < until and place.get(number, count) >= count)
        rows = [row for row in server.log.rows if row.number in lost]
        assert not lost, f"lost in silence before {iso(until)}: {rows}; the server: {told.behaviour}"
