"""What a sync of a simulated server owes: which rows, how often, in requests of which span, and where it may fail.

The reader must emit the truth or raise. `promise` says where raising is no excuse (COMPLETE), where it is in order
(MAY_RAISE), and where no reader could know that rows are missing (OUTSIDE), because the server looks just like another
one that has fewer rows.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from unit_tests.simulated_answer import ORDERS, filed, row_id, selector
from unit_tests.simulated_behaviour import (
    DATES,
    DAY,
    DOCUMENTED_CHANNELS,
    EVERYTHING,
    MILLISECONDS,
    MINUTE,
    Behaviour,
    Choice,
    LogRow,
    days_touched,
    iso,
    parse,
)
from unit_tests.simulated_server import SimulatedBot, SimulatedServer

DOCUMENTED_LIMIT = 50


class Truth(NamedTuple):
    """Ids of rows: those that must be emitted, and those that may be, which include them."""

    must: set[str]
    may: set[str]


class Promise(Enum):
    COMPLETE = "every row must be emitted, and nothing raised"
    MAY_RAISE = "every row must be emitted, or something raised"
    OUTSIDE = "no reader could know that rows are missing"


def truth(server: SimulatedServer, bot_id: str, start: int, after: int, choice: Choice = EVERYTHING) -> Truth:
    """The rows of `[start, after)` by their own time. Call it when the sync has ended.

    A row must be emitted that was there at each of the bot's requests and that some value of `isDeveloper` with some
    documented channels, one or all or none, finds. One that came or went meanwhile, or that has no date, may be.
    """
    does, requests = server.bots[bot_id].behaviour, len(server.requests_of(bot_id))
    channels = [choice.channels] if choice.channels else [(), *zip(DOCUMENTED_CHANNELS), DOCUMENTED_CHANNELS]
    developer = [True, False] if choice.include_developer_usage else [False]
    finds = [selector(does, {"isDeveloper": asked, "channel": names}) for asked in developer for names in channels]
    must, may = set(), set()
    for row in server.rows(bot_id):
        in_window = row.time is None or start <= row.time < after
        if in_window and row.appears < max(requests, 1) and _may_be_chosen(does, row, choice):
            may.add(row_id(bot_id, row))
            stayed = row.appears == 0 and (row.vanishes is None or row.vanishes >= requests)
            if row.time is not None and stayed and _is_chosen(row, choice) and any(found(row) for found in finds):
                must.add(row_id(bot_id, row))
    return Truth(must, may)


def _columns_are_chosen(row: LogRow, choice: Choice) -> bool:
    return (
        (not choice.channels or row.channel in choice.channels)
        and (not choice.feature_names or row.feature in choice.feature_names)
        and (not choice.task_id or row.task == choice.task_id)
        and (not choice.user_ids or row.user in choice.user_ids)
    )


def _is_chosen(row: LogRow, choice: Choice) -> bool:
    return (
        _columns_are_chosen(row, choice)
        and (not choice.channel_user_ids or row.channel_user in choice.channel_user_ids)
        and (choice.include_developer_usage or not row.developer)
    )


def _may_be_chosen(does: Behaviour, row: LogRow, choice: Choice) -> bool:
    """Whether a reader may take the row for chosen: two properties are in no column, and a server may not heed them."""
    if not _columns_are_chosen(row, choice):
        return False
    heeds_user = "channelUserIds" not in does.ignored_filters and does.spelling != "table"
    other_user = choice.channel_user_ids and row.channel_user not in choice.channel_user_ids
    other_developer = row.developer and not choice.include_developer_usage
    return not (heeds_user and other_user) and not (does.developer != "ignored" and other_developer)


def promise(bot: SimulatedBot, choice: Choice = EVERYTHING) -> Promise:
    if next(outside(bot), None):
        return Promise.OUTSIDE
    return Promise.MAY_RAISE if next(may_raise(bot, choice), None) else Promise.COMPLETE


def outside(bot: SimulatedBot) -> Iterator[str]:
    """Why a reader could not know that rows of this bot are missing."""
    does, log = bot.behaviour, bot.log
    ceiling = does.skip_ceiling is not None or does.depth_ceiling is not None
    if not does.usable_forms and does.invalid_forms:
        yield "some form of dates is read as invalid, and the others are refused: an empty log looks the same"
    if does.usable_forms == {DATES} and does.future_to == "empty" and does.date_to_is_end_of_day:
        yield "no row is given unless dateTo is yesterday"
    if does.behind == "refused" and ceiling:
        yield "a skip is refused for two reasons"
    if does.above_ceiling == "cut" and ceiling:
        yield "a request finds no more than a few rows, or than more that share a moment"
    one_row = 1 in (does.page_rows, does.largest_limit) or does.page_rows_vary or does.page_bytes is not None
    if ceiling and does.above_ceiling == "empty" and one_row:
        yield "pages of one row up to a ceiling that answers with no row: a log that ends there looks the same"
    if does.page_bytes is not None and does.above_bytes == "empty" and _largest(log) > does.page_bytes - 2:
        yield "no row is answered where the next one is larger than a page"
    if _has_equal_rows(log) and (does.order == "random" or does.ties != "stable"):
        yield "equal rows in a changing order: one that came twice looks like two that are equal"


def may_raise(bot: SimulatedBot, choice: Choice = EVERYTHING) -> Iterator[str]:
    """Why an honest reader may have to give up this bot."""
    does, log = bot.behaviour, bot.log
    forms = does.usable_forms
    if does.refuses or does.down or does.faults or does.timeouts:
        yield "refusals or faults"
    if does.behind == "refused":
        yield "a single row with nothing behind it looks like a server that does not page"
    if does.skip != "honoured":
        yield "skip is not honoured"
    if not forms or (MILLISECONDS not in forms and DATES not in forms and does.invalid_forms):
        yield "no form of dates, or none that the vendor documents, finds rows"
    if does.above_limit != "cut" and does.largest_limit is not None and does.largest_limit < DOCUMENTED_LIMIT:
        yield "the documented limit is refused"
    if does.above_bytes == "too large" and does.page_bytes is not None and _largest(log) > does.page_bytes - 2:
        yield "a row is larger than a page"
    if _cannot_be_split(bot):
        yield "more rows lie close together than the ceiling lets through"
    if does.order == "random" or (does.ties != "stable" and _has_ties(does, log)):
        yield "the order changes"
    if _has_equal_rows(log):
        yield "equal rows that come in pages of one row"
    if any(row.vanishes is not None for row in log):
        yield "rows go: it may be that nothing is given where there were rows"
    if sum((row.appears > 0) + (row.vanishes is not None) for row in log) + does.live_rows * does.live_total > 3:
        yield "rows keep moving"
    if does.future_to != "served":
        if does.cut > MINUTE and not does.cut_to_up:
            yield "the newest rows lie between dateTo and what it is cut to"
        if MILLISECONDS not in forms and (DATES in forms or does.local_zone):
            yield "no dateTo that is taken reaches the newest rows"
    if choice.channels and does.channel_list in ("one", "text", "refused"):
        yield "the chosen channels are refused as a list"
    if does.ignored_filters & choice.body().keys() or (choice.channel_user_ids and does.spelling == "table"):
        yield "a chosen filter is ignored, or cannot be seen to work"


def _largest(log: Iterable[LogRow]) -> int:
    return max((row.size for row in log), default=0)


def _has_equal_rows(log: Iterable[LogRow]) -> bool:
    return any(count > 1 for count in Counter(row.number for row in log).values())


def _has_ties(does: Behaviour, log: Iterable[LogRow]) -> bool:
    return any(count > 1 for count in Counter(ORDERS[does.order](does, row) for row in log).values())


def _cannot_be_split(bot: SimulatedBot) -> bool:
    """Whether a request that cannot be made shorter, with its padding, may hit a ceiling. Errs towards yes."""
    does = bot.behaviour
    ceilings = [ceiling for ceiling in (does.skip_ceiling, does.depth_ceiling) if ceiling is not None]
    if not ceilings:
        return False
    if does.above_ceiling in ("unavailable", "too large") or does.page_bytes is not None:
        return True
    if does.depth_ceiling is not None and does.depth_ceiling < DOCUMENTED_LIMIT:
        return True
    times = sorted(filed(does, row) for row in bot.log)
    densest = max((bisect_left(times, time + 5 * DAY) - index for index, time in enumerate(times)), default=0)
    return densest + does.live_total > min(ceilings) // 2


def assert_requests(server: SimulatedServer, at_most: int = 3_000) -> None:
    """Each request asks for 90 calendar days at most, the right way round; there are at most so many for each bot."""
    for bot_id, count in Counter(request.bot for request in server.requests).items():
        assert count <= at_most, f"{count} requests for {bot_id}"
    for request in server.requests:
        (low, _), (high, form) = parse(request.body["dateFrom"]), parse(request.body["dateTo"])
        assert low <= high, f"dateFrom after dateTo: {request.body}"
        days = days_touched(low, high + 1 if form == DATES else high)
        assert days <= 90, f"{days} calendar days in one request: {request.body}"


def assert_emitted(
    server: SimulatedServer,
    bot_id: str,
    emitted: Iterable[str],
    start: int,
    after: int,
    choice: Choice = EVERYTHING,
    error: BaseException | None = None,
    reached: int | None = None,
) -> None:
    """The sync of `[start, after)` emitted what it had to, each row once, and raised `error` only where it may.

    `reached` is the end of what was checkpointed, `[start, reached)`: a sync owes the rows up to there, for the next
    begins there.
    """
    bot = server.bots[bot_id]
    counts = Counter(emitted)
    twice = sorted(row for row, count in counts.items() if count > 1)
    assert not twice, f"emitted twice: {twice}"
    surplus = sorted(counts.keys() - truth(server, bot_id, start, after, choice).may)
    if bot.behaviour.ignored_filters and any(row.vanishes is not None for row in bot.log):
        surplus = []  # Rows that went while a filter was tried look chosen.
    assert not surplus, f"emitted, but not of this window or not chosen: {surplus}"
    expected = promise(bot, choice)
    if expected is Promise.OUTSIDE:
        return
    if error is not None and expected is Promise.COMPLETE:
        raise AssertionError(f"raised where every row can be read: {bot.behaviour}") from error
    owed = reached if reached is not None else after if error is None else start
    lost = sorted(truth(server, bot_id, start, owed, choice).must - counts.keys())
    if lost:
        rows = [row for row in server.rows(bot_id) if row_id(bot_id, row) in lost]
        raise AssertionError(f"lost in silence before {iso(owed)}: {rows}; the server: {bot.behaviour}")
