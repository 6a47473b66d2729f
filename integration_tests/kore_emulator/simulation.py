"""One simulated Kore.ai: a pure function from behaviour, rows, request and moment to an answer.

No clock, no thread, no HTTP: the fuzz calls it directly, and the emulator serves it. What is left to chance follows
from the request's number and a seed. A row is found by the bounds, the filters and the scope of a request, rows are put
into the order of the server, and a page is cut out of them.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from .behaviour import DAY, EPOCH, LONGEST_DAYS, UNKNOWN_CHANNEL, Behaviour, Failure, Filter, Form, LogRow, Order, parse
from .tie_order import first_in_heap_order

Body = Mapping[str, Any]
_NEVER = random.Random(0)
"""Where nothing is left to chance: to make one takes as long as a short answer."""


class Answer(NamedTuple):
    """Rows (status 200), or the words of a refusal or fault. Status 0: the connection ends without an answer."""

    status: int
    rows: Sequence[LogRow] = ()
    words: str = ""
    size: int = 2  # bytes of the rows as a JSON array
    is_cut: bool = False  # half of the body arrives


class Refusal(Exception):
    """Carries the answer to a request that gets no page."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__(answer.words)


def answer(does: Behaviour, log: Log, body: Body, moment: int, number: int = 0, seed: int = 0) -> Answer:
    """The answer to the bot's request of this number (from 0) at this moment."""
    try:
        if does.down or number in does.fails_at:
            raise failed("500", "Internal server error", does)
        if number in does.times_out_at:
            raise failed("504", "Gateway Time-out", does)
        if does.refuses:
            raise failed("refused", "the request is not possible", does)
        is_by_chance = does.varying_pages or does.ties == "shuffled" or does.order in ("random", "blocks")
        chance = random.Random(seed * 1_000_003 + number) if is_by_chance else _NEVER
        query = _query(does, body, moment)
        skip, limit = _numbers(does, body)
        found = log.ordered(does, query, Page(skip, limit, number, moment, chance))
        return _page(does, found, skip, limit, chance)
    except Refusal as refusal:
        return refusal.answer


def failed(how: Failure | str, why: str, does: Behaviour) -> Refusal:
    if how == "empty":
        return Refusal(Answer(200))
    if how == "refused":
        return Refusal(Answer(412, words="Validation errors/ Invalid arguments" + (f": {why}" if does.hints else "")))
    if how == "dropped":
        return Refusal(Answer(0, words=why))
    if how == "cut body":
        return Refusal(Answer(200, words=why, is_cut=True))
    return Refusal(Answer(int(how), words=why))


# Arguments


class Query(NamedTuple):
    """Which rows a request asks for, and whether by `Time Taken`. All pages of a pass have the same."""

    first: int
    last: int
    columns: tuple[tuple[Filter, frozenset[str]], ...]
    developers: bool | None  # only them, none of them, or both
    sort: str | None


COLUMNS: Mapping[Filter, Callable[[LogRow], str]] = {
    "channel": attrgetter("channel"),
    "featureName": attrgetter("feature"),
    "taskId": attrgetter("task"),
    "userIds": attrgetter("user"),
    "channelUserIds": attrgetter("channel_user"),
}
_SAMPLE: Mapping[Filter, Sequence[str]] = {key: (key,) for key in COLUMNS}
_TABLE: Mapping[Filter, Sequence[str]] = {**_SAMPLE, "userIds": ("userId",), "channelUserIds": ("channelUIds",)}
_BOTH = {key: tuple(dict.fromkeys((key, *_TABLE[key]))) for key in COLUMNS}
SPELLINGS: Mapping[str, Mapping[Filter, Sequence[str]]] = {"sample": _SAMPLE, "table": _TABLE, "both": _BOTH}
ARGUMENTS = ("dateFrom", "dateTo", "limit", "skip", "isDeveloper", "sort")


def _query(does: Behaviour, body: Body, moment: int) -> Query:
    keys = SPELLINGS[does.spelling]
    if does.unknown_keys == "refused":
        unknown = sorted(body.keys() - {*ARGUMENTS}.union(*keys.values()))
        if unknown:
            raise failed("refused", f"{unknown[0]} is not allowed", does)
    sort = body.get("sort")
    if sort is not None and (does.sort == "refused" or sort.get("field") != "Time Taken"):
        raise failed("refused", "sort is not allowed", does)
    if sort is not None and does.sort == "times out":
        raise failed("504", "Gateway Time-out", does)
    columns = []
    for key, spelled in keys.items():
        for value in (body[one] for one in spelled if body.get(one)):
            if key == "channel":
                value = _channels(does, value)
            if key not in does.ignored_filters:
                columns.append((key, frozenset([value] if isinstance(value, str) else value)))
    if does.no_channel == "rtm" and not any(key == "channel" for key, _ in columns):
        columns.append(("channel", frozenset(["rtm"])))
    first, last = _bounds(does, body, moment)
    order = sort.get("order", "asc") if sort and does.sort == "honoured" else None
    return Query(first, last, tuple(columns), developers(does, body.get("isDeveloper")), order)


def _channels(does: Behaviour, channels: Any) -> Any:
    if isinstance(channels, list):
        is_unknown = UNKNOWN_CHANNEL in channels
        if does.channel_list == "text" or (does.channel_list == "one" and len(channels) > 1):
            raise failed("refused", "channel is not of the right type", does)
        if does.channel_list == "refused" and is_unknown:
            raise failed("refused", f"channel {UNKNOWN_CHANNEL} is not known", does)
        if does.channel_list == "none" or (does.channel_list == "known" and is_unknown):
            raise failed("empty", "", does)
        if does.channel_list == "first":
            return channels[:1]
    return channels


def developers(does: Behaviour, asked: object) -> bool | None:
    """Whether only developers' rows are found, or none of them; None: whoever's."""
    if does.developer == "ignored":
        return None
    is_asked = asked in (None, True, "true")
    if does.developer == "true selects":
        return True if is_asked else None
    return (True if does.developer == "selects" else None) if is_asked else False


def selects(does: Behaviour, query: Query) -> Callable[[LogRow], bool]:
    """Tells whether a row is among those that a query asks for, whatever its time."""

    def selected(row: LogRow) -> bool:
        if query.developers is not None and row.developer != query.developers:
            return False
        return all(COLUMNS[key](row) in chosen for key, chosen in query.columns)

    return selected


def _numbers(does: Behaviour, body: Body) -> tuple[int, int]:
    numbers = []
    for name in ("skip", "limit"):
        value = body.get(name, "0" if name == "skip" and does.numbers != "int" else 0 if name == "skip" else None)
        is_text = isinstance(value, str) and value.isdecimal()
        is_int = isinstance(value, int) and not isinstance(value, bool)
        if not (is_text and does.numbers != "int") and not (is_int and does.numbers != "text"):
            raise failed("refused", f"{name} is not of the right type", does)
        numbers.append(int(value))
    skip, limit = numbers
    if limit < 1 or skip < 0:
        raise failed("refused", "limit should be greater than 0, and skip not less", does)
    ceilings = (("skip", skip, does.skip_ceiling), ("skip + limit", skip + limit, does.depth_ceiling))
    for name, number, ceiling in ceilings:
        if ceiling is not None and number > ceiling:
            raise failed(does.above_ceiling, f"{name} should be less than or equal to {ceiling}", does)
    if does.largest_limit is not None and limit > does.largest_limit:
        if does.above_limit != "cut":
            raise failed(does.above_limit, f"limit should be less than or equal to {does.largest_limit}", does)
        limit = does.largest_limit
    return skip, limit


# Dates


def _bounds(does: Behaviour, body: Body, moment: int) -> tuple[int, int]:
    """The first and the last millisecond that a request asks for."""
    dates = []
    for name in ("dateFrom", "dateTo"):
        parsed = parse(body.get(name))
        if parsed is None or parsed[1] in does.refused_forms:
            raise failed("refused", f"{name} is not in the right format", does)
        if parsed[1] in does.silent_forms:
            raise failed("empty", "", does)
        dates.append(parsed)
    if does.day_of_full:
        dates = [(when - when % DAY, "day") for when, _ in dates]
    (low, low_form), (high, high_form) = dates
    if low > high:
        raise failed("refused", "dateFrom should be less than or equal to dateTo", does)
    low, high = _read(does, low, low_form), _read(does, high, high_form)
    if high > moment and does.future_to != "served":
        if does.future_to != "now":
            raise failed(does.future_to, "dateTo cannot be in the future", does)
        high = moment
    if high_form == "day" and does.date_to_is_end_of_day:
        high += DAY - 1
    low, high = _shortened(does, low, high)
    low, high = to_cut(does, low), to_cut(does, high, up=does.cut_to_up)
    return low if does.from_inclusive else low + 1, high if does.to_inclusive else high - 1


def _shortened(does: Behaviour, low: int, high: int) -> tuple[int, int]:
    longest = LONGEST_DAYS * DAY
    is_long = high - low > longest if does.days_counted == "hours" else days_touched(low, high) > LONGEST_DAYS
    if not is_long:
        return low, high
    if does.above_longest == "refused":
        raise failed("refused", f"date range should be less than or equal to {LONGEST_DAYS} days", does)
    return (high - longest, high) if does.above_longest == "cut start" else (low, low + longest)


def _read(does: Behaviour, wall: int, form: Form) -> int:
    return from_clock(does.zone, wall) if form in does.zone_reads else wall


def to_cut(does: Behaviour, when: int, up: bool = False) -> int:
    """What a bound is cut to."""
    zone = does.zone if does.cut_in_zone else "UTC"
    wall = to_clock(zone, when)
    return from_clock(zone, -(-wall // does.cut) * does.cut if up else wall // does.cut * does.cut)


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def to_clock(zone: str, when: int) -> int:
    """What a clock in the zone shows, written down like a moment in UTC."""
    if zone == "UTC":
        return when
    shift = (EPOCH + timedelta(milliseconds=when)).astimezone(_zone(zone)).utcoffset()
    return when + (shift or timedelta()) // timedelta(milliseconds=1)


def from_clock(zone: str, wall: int) -> int:
    """The (first) moment at which a clock in the zone shows this."""
    if zone == "UTC":
        return wall
    shift = datetime.fromtimestamp(wall / 1000, timezone.utc).replace(tzinfo=_zone(zone)).utcoffset()
    return wall - (shift or timedelta()) // timedelta(milliseconds=1)


def days_touched(low: int, high: int) -> int:
    """How many calendar days in UTC a span has a part of; a midnight at its end belongs to the day that ends there."""
    return max(high - 1, low) // DAY - low // DAY + 1


# Rows


def filed(does: Behaviour, row: LogRow) -> int | None:
    """The time by which the server compares the row with the bounds; None: it has none, and is always found."""
    if does.filed_under == "entry":
        return row.entry
    end = row.unshown_end if row.end is None and does.hidden_end else row.end
    first, second = (row.start, end) if does.filed_under == "start" else (end, row.start)
    return first if first is not None else second if second is not None else row.entry


class Page(NamedTuple):
    """What differs between the requests of one query."""

    skip: int
    limit: int
    number: int
    moment: int
    chance: random.Random


_KEYS: Mapping[str, Callable[[Behaviour, LogRow], int]] = {
    "filed": lambda does, row: filed(does, row) or 0,
    "start": lambda does, row: row.start or 0,
    "end": lambda does, row: row.end or 0,
    "entry": lambda does, row: row.entry or 0,
    "written": lambda does, row: row.appears,
    "time taken": lambda does, row: row.taken,
    "second": lambda does, row: (row.start or 0) // 1000,
    "day": lambda does, row: (row.start or 0) // DAY,
    "arbitrary": lambda does, row: zlib.crc32(row.number.encode()),
}
_BLOCK = 32
"""Rows that an engine without order keeps together."""


class _Entry(NamedTuple):
    time: int | None  # which is compared with the bounds
    key: int  # by which the server sorts
    row: LogRow


class _State(NamedTuple):
    """What decides which rows are in the log; of two requests with equal states, both find the same."""

    number: int
    moment: int
    gone: int


class Log:
    """The rows of one bot: a value, but for what it remembers of earlier answers."""

    def __init__(self, rows: Iterable[LogRow] = ()) -> None:
        self.rows = tuple(rows)
        self._moves = any(row.appears or row.vanishes is not None for row in self.rows)
        self._entries: dict[tuple[Order, bool, str], list[_Entry]] = {}
        self._remembered: dict[Any, Sequence[Any]] = {}
        self._for: Behaviour | None = None

    def with_rows(self, rows: Iterable[LogRow]) -> Log:
        return Log((*self.rows, *rows))

    def present(self, does: Behaviour, number: int, moment: int) -> Sequence[LogRow]:
        """The rows that the request of this number finds in the log, in the order in which they were written."""
        rows: Iterable[LogRow] = self.rows
        for is_there in self._presence(does, self._state(does, number, moment)):
            rows = filter(is_there, rows)
        return tuple(rows)

    def _state(self, does: Behaviour, number: int, moment: int) -> _State:
        if does.replica_behind and number % 2:
            number = max(0, number - does.replica_behind)
        goes_by_time = does.lag_seconds or does.retention_days is not None
        gone = min(does.deletes * number, does.deletes_in_all)
        return _State(number if self._moves else 0, moment if goes_by_time else 0, gone)

    def _presence(self, does: Behaviour, state: _State) -> Iterator[Callable[[LogRow], bool]]:
        """Each tells of a row whether it is there; a row must pass all."""
        number, moment, gone = state
        if self._moves:
            yield lambda row: row.appears <= number and (row.vanishes is None or number < row.vanishes)
        if does.retention_days is not None:
            oldest = moment - does.retention_days * DAY
            yield lambda row: row.entry is None or row.entry - row.delay >= oldest
        if does.lag_seconds:
            lag = int(does.lag_seconds * 1000)
            yield lambda row: row.entry is None or row.entry + row.hidden % (lag + 1) <= moment
        if gone:
            there = set(map(id, sorted(self.rows, key=lambda row: row.entry or 0)[gone:]))
            yield lambda row: id(row) in there

    def ordered(self, does: Behaviour, query: Query, page: Page) -> Sequence[LogRow]:
        """The rows that the query finds, in the server's order; those behind the page may be missing."""
        if does is not self._for:
            self._for = does
            self._entries.clear()
            self._remembered.clear()
        order, descending = does.order, does.descending
        if query.sort is not None:
            order, descending = "time taken", query.sort == "desc"
        state, wanted = self._state(does, page.number, page.moment), page.skip + page.limit

        def found(arranged: str) -> list[_Entry]:
            return self._found(self._arranged(does, order, descending, arranged), does, query, state)

        if order in ("random", "blocks"):
            return _unordered(_rows(found("as logged")), 1 if order == "random" else _BLOCK, page.chance)
        if does.ties in ("shuffled", "paged"):
            mixed = list(self._once((query, state), lambda: found("as logged")))
            chance = page.chance if does.ties == "shuffled" else random.Random(1_000_003 * page.skip + page.limit)
            chance.shuffle(mixed)
            return _rows(sorted(mixed, key=_BY_KEY))
        if does.ties == "heap":
            entries = self._once((query, state), lambda: found("as logged"))
            if len(entries) > wanted * does.heap_from:
                return self._once((query, state, wanted), lambda: _first(entries, wanted))
        arranged = "turned" if does.ties == "turned" and page.number % 2 == 1 else "sorted"
        return self._once((query, state, arranged), lambda: _rows(found(arranged)))

    def _arranged(self, does: Behaviour, order: Order, descending: bool, arranged: str) -> list[_Entry]:
        """All rows, as they were logged, or sorted; then equal ones as they were logged, or turned round."""
        key = (order, descending, arranged)
        if key not in self._entries:
            sign, key_of = -1 if descending else 1, _KEYS.get(order, _KEYS["written"])
            entries = [_Entry(filed(does, row), sign * key_of(does, row), row) for row in self.rows]
            if arranged == "turned":
                entries.reverse()
            self._entries[key] = entries if arranged == "as logged" else sorted(entries, key=_BY_KEY)
        return self._entries[key]

    def _found(self, entries: list[_Entry], does: Behaviour, query: Query, state: _State) -> list[_Entry]:
        first, last = query.first, query.last
        found = [entry for entry in entries if (time := entry[0]) is None or first <= time <= last]
        conditions = [*self._presence(does, state)]
        if query.columns or query.developers is not None:
            conditions.append(selects(does, query))
        for condition in conditions:
            found = [entry for entry in found if condition(entry[2])]
        return found

    def _once(self, key: Any, made: Callable[[], Sequence[Any]]) -> Sequence[Any]:
        if key not in self._remembered:
            if len(self._remembered) > 24:
                self._remembered.pop(next(iter(self._remembered)))
            self._remembered[key] = made()
        return self._remembered[key]


_BY_KEY = itemgetter(1)


def _rows(entries: Iterable[_Entry]) -> list[LogRow]:
    return [entry[2] for entry in entries]


def _first(entries: Iterable[_Entry], wanted: int) -> list[LogRow]:
    return [row for _, row in first_in_heap_order([entry[1:] for entry in entries], wanted)]


def _unordered(found: Sequence[LogRow], block: int, chance: random.Random) -> Sequence[LogRow]:
    blocks = [found[first : first + block] for first in range(0, len(found), block)]
    chance.shuffle(blocks)
    return [row for rows in blocks for row in rows]


def _page(does: Behaviour, found: Sequence[LogRow], skip: int, limit: int, chance: random.Random) -> Answer:
    if does.most_rows is not None:
        found = found[: does.most_rows]
    if does.skip == "rounded":
        skip = skip // limit * limit
    skip = {"ignored": 0, "held": min(skip, does.skip_held_at), "pages": skip * limit}.get(does.skip, skip)
    if does.behind == "refused" and skip and skip >= len(found):
        raise failed("refused", "skip should be less than the number of rows", does)
    if does.varying_pages:
        limit = chance.randint(1, limit)
    rows = found[skip : skip + limit]
    size = 2 + sum(row.size for row in rows)
    if does.page_bytes is not None:
        while len(rows) > 1 and size > does.page_bytes:
            size -= rows[-1].size
            rows = rows[:-1]
    is_too_large = (does.fails_above_rows is not None and len(rows) > does.fails_above_rows) or (
        does.fails_above_bytes is not None and size > does.fails_above_bytes
    )
    if is_too_large:
        raise failed(does.fails_how, "the page is too large", does)
    return Answer(200, rows, size=size)


# What moves


def arrivals(does: Behaviour, body: Body, moment: int, number: int, inserted: int, seed: int = 0) -> list[LogRow]:
    """The rows that are written just before the request of this number, if `inserted` of them were before."""
    if not does.inserts:
        return []
    chance = random.Random(seed * 1_000_003 + number)
    rows = []
    for index in range(inserted, min(inserted + does.inserts, does.inserts_in_all)):
        end = moment
        if does.inserts_into == "span":
            low, high = (parsed[0] if (parsed := parse(body.get(key))) else moment for key in ("dateFrom", "dateTo"))
            end = min(end, chance.randint(min(low, high), max(low, high)))
        rows.append(LogRow(f"new {index}", end - chance.randint(0, 5_000), end, appears=number))
    return rows
