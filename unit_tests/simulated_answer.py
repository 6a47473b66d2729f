"""How a simulated server makes one answer: which rows a request finds, in which order, and how many it gives."""

import random
import zlib
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from source_kore_llm_logs.reading.fetch import Answer, Body, Page, Refused, Row, TooLarge, Unavailable
from unit_tests.simulated_behaviour import (
    DATES,
    DAY,
    MILLISECONDS,
    MINUTE,
    SECONDS,
    Behaviour,
    LogRow,
    days_touched,
    iso,
    parse,
)


class SimulatedError(Exception):
    """What a refusal or a fault carries as its `error`."""


def row_id(bot_id: str, row: LogRow) -> str:
    return f"{bot_id}/{row.number}"


def shown(bot_id: str, row: LogRow) -> Row:
    """The row as an answer holds it: without what only the server knows."""
    record = {
        "id": row_id(bot_id, row),
        "bot_id": bot_id,
        "channel_name": row.channel,
        "feature_name": row.feature,
        "task_id": row.task,
        "user_id": row.user,
        "start_date": iso(row.start),
        "end_date": iso(row.end),
    }
    return Row(record["id"] or "", row.start, row.end, record)


class Entry(NamedTuple):
    """A row with what a server derives from it, once."""

    row: LogRow
    filed: int
    key: int  # by which it is ordered
    shown: Row


def entry(does: Behaviour, bot_id: str, row: LogRow) -> Entry:
    key = ORDERS[does.order](does, row)
    return Entry(row, filed(does, row), -key if does.descending else key, shown(bot_id, row))


SPELLINGS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "sample": {},
    "table": {"userIds": ["userId"], "channelUserIds": ["channelUIds"]},
    "both": {"userIds": ["userIds", "userId"], "channelUserIds": ["channelUserIds", "channelUIds"]},
}
_COLUMNS: Mapping[str, Callable[[LogRow], str]] = {
    "channel": lambda row: row.channel,
    "featureName": lambda row: row.feature,
    "taskId": lambda row: row.task,
    "userIds": lambda row: row.user,
    "channelUserIds": lambda row: row.channel_user,
}


def _refused(why: str) -> Refused:
    words = f'{{"errors":[{{"msg":"Validation errors/ Invalid arguments: {why}","code":4002}}]}}'
    return Refused(words, SimulatedError(words))


def _failed(how: str, why: str) -> Answer:
    if how == "empty":
        return Page([], 2)
    if how == "too large":
        return TooLarge(why, SimulatedError(why))
    if how == "unavailable":
        return Unavailable(why, SimulatedError(why))
    assert how == "refused", how
    return _refused(why)


def answer(
    does: Behaviour, present: Sequence[Entry], body: Body, number: int, now: int, chance: random.Random
) -> Answer:
    if does.down or number in does.faults:
        return _failed("unavailable", "500 Internal Server Error")
    if number in does.timeouts:
        return _failed("too large", "504 Gateway Time-out")
    if does.refuses:
        return _refused("bot")
    limit, skip = int(body["limit"]), int(body.get("skip", 0))
    assert limit > 0, f"limit {limit}"
    assert skip >= 0, f"skip {skip}"
    if does.unknown_keys == "refused" and (unknown := body.keys() - _known_keys(does)):
        return _refused(f"{min(unknown)} is not allowed")
    refused_type: Any = {"any": (), "text": int, "int": str}[does.numbers]
    if isinstance(body["limit"], refused_type) or isinstance(body.get("skip"), refused_type):
        return _refused("limit")
    if _refuses_channels(does, body.get("channel")):
        return _refused("channel")
    bounds = _bounds(does, body, now)
    if isinstance(bounds, (Page, Refused)):
        return bounds
    order = random.Random(1_000_003 * skip + limit) if does.ties == "paged" else chance
    return _page(does, _ordered(does, _found(does, present, body, *bounds), number, order), limit, skip, chance)


def _known_keys(does: Behaviour) -> set[str]:
    filters = (SPELLINGS[does.spelling].get(key, (key,)) for key in _COLUMNS)
    return {"dateFrom", "dateTo", "limit", "skip", "isDeveloper", "sort"}.union(*filters)


def _bounds(does: Behaviour, body: Body, now: int) -> tuple[int, int] | Page | Refused:
    """The bounds as the server compares them, or its refusal."""
    (low, low_form), (high, high_form) = parse(body["dateFrom"]), parse(body["dateTo"])
    if {low_form, high_form} & does.refused_forms:
        return _refused("date")
    if {low_form, high_form} & does.invalid_forms:
        return Page([], 2)
    if does.date_to_is_end_of_day and high_form == DATES:
        high += DAY - 1
    local = {MILLISECONDS: 0, SECONDS: does.local_zone, DATES: does.local_zone if does.dates_in_local_zone else 0}
    low, high = low - local[low_form] * MINUTE, high - local[high_form] * MINUTE
    if high > now and does.future_to != "served":
        if does.future_to != "now":
            return _refused("dateTo") if does.future_to == "refused" else Page([], 2)
        high = now
    too_long = high - low > 90 * DAY if does.days_counted == "hours" else days_touched(low, high) > 90
    if too_long and does.above_90_days == "refused":
        return _refused("time frame exceeds 90 days")
    if too_long and does.above_90_days != "served":
        low, high = (high - 90 * DAY, high) if does.above_90_days == "cut start" else (low, low + 90 * DAY)
    zone = does.cut_zone * MINUTE
    low = (low + zone) // does.cut * does.cut - zone
    high = (
        -(-(high + zone) // does.cut) * does.cut - zone
        if does.cut_to_up
        else (high + zone) // does.cut * does.cut - zone
    )
    return low, high


def filed(does: Behaviour, row: LogRow) -> int:
    """The time by which the server compares the row with the bounds."""
    if does.filed_under == "entry":
        return row.entry
    end = row.unshown_end if row.end is None and does.hidden_end else row.end
    first, second = (row.start, end) if does.filed_under == "start" else (end, row.start)
    return next((when for when in (first, second) if when is not None), row.entry)


UNKNOWN_CHANNEL = "rcs"
"""Of the documented channels, the one that a server which knows its channels does not know."""


def _heeded(does: Behaviour, channels: Sequence[str]) -> Sequence[str]:
    if does.channel_list == "first":
        return channels[:1]
    return [] if does.channel_list == "known" and UNKNOWN_CHANNEL in channels else channels


def _refuses_channels(does: Behaviour, channels: object) -> bool:
    if not isinstance(channels, list):
        return False
    unknown = does.channel_list == "refused" and UNKNOWN_CHANNEL in channels
    return unknown or does.channel_list == "text" or (does.channel_list == "one" and len(channels) > 1)


def selector(does: Behaviour, body: Body) -> Callable[[LogRow], bool]:
    """Tells whether a row is among those that the body asks for, whatever its time."""
    developers = body.get("isDeveloper") is True
    filters = []
    for key, column in _COLUMNS.items():
        if key not in does.ignored_filters:
            for spelled in SPELLINGS[does.spelling].get(key, (key,)):
                if chosen := body.get(spelled):
                    chosen = [chosen] if isinstance(chosen, str) else chosen
                    if key == "channel" and does.channel_list != "any":
                        chosen = _heeded(does, chosen)
                    filters.append((column, chosen))
    only_rtm = does.no_channel == "rtm" and ("channel" in does.ignored_filters or not body.get("channel"))

    def selected(row: LogRow) -> bool:
        if does.developer == "adds" and row.developer and not developers:
            return False
        if does.developer == "selects" and row.developer != developers:
            return False
        if only_rtm and row.channel != "rtm":
            return False
        return all(column(row) in chosen for column, chosen in filters)

    return selected


def _found(does: Behaviour, entries: Sequence[Entry], body: Body, low: int, high: int) -> list[Entry]:
    low, high = (low if does.from_inclusive else low + 1), (high if does.to_inclusive else high - 1)
    selected = selector(does, body)
    return [entry for entry in entries if low <= entry.filed <= high and selected(entry.row)]


ORDERS: Mapping[str, Callable[[Behaviour, LogRow], int]] = {
    "filed": filed,
    "start": lambda does, row: row.start or 0,
    "end": lambda does, row: row.end or 0,
    "entry": lambda does, row: row.entry,
    "written": lambda does, row: row.appears,
    "time taken": lambda does, row: (row.end or 0) - (row.start or 0),
    "arbitrary": lambda does, row: zlib.crc32(row.number.encode()),
    "random": lambda does, row: 0,
}


def _ordered(does: Behaviour, entries: list[Entry], number: int, chance: random.Random) -> list[Entry]:
    if does.order == "random" or does.ties in ("shuffled", "paged"):
        chance.shuffle(entries)
    elif does.descending != (does.ties == "turned" and number % 2 == 1):
        entries.reverse()
    return sorted(entries, key=attrgetter("key"))


def _page(does: Behaviour, entries: Sequence[Entry], limit: int, skip: int, chance: random.Random) -> Answer:
    beyond = does.skip_ceiling is not None and skip > does.skip_ceiling
    if does.above_ceiling == "cut":
        entries = entries[: does.depth_ceiling]
    elif beyond or (does.depth_ceiling is not None and skip + limit > does.depth_ceiling):
        return _failed(does.above_ceiling, "Result window is too large")
    if does.largest_limit is not None and limit > does.largest_limit:
        if does.above_limit != "cut":
            return _failed(does.above_limit, "limit")
        limit = does.largest_limit
    if does.behind == "refused" and skip and skip >= len(entries):
        return _refused("skip")
    skip = {"honoured": skip, "ignored": 0, "held": min(skip, does.skip_held_at)}[does.skip]
    if does.page_rows is not None:
        limit = min(limit, does.page_rows)
    if does.page_rows_vary:
        limit = chance.randint(1, limit)
    page: list[Row] = []
    size = 2
    for entry in entries[skip : skip + limit]:
        if does.page_bytes is not None and size + entry.row.size > does.page_bytes:
            if page:
                break
            if does.above_bytes != "row":
                return _failed(does.above_bytes, "Payload Too Large")
        page.append(entry.shown)
        size += entry.row.size
    if does.too_large_rows is not None and len(page) > does.too_large_rows:
        return _failed("too large", "Payload Too Large")
    return Page(page, size)
