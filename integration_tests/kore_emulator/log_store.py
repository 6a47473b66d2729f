"""One bot's log: every row parsed and serialised once, so that a deep page costs as little as the first."""

from __future__ import annotations

import heapq
import time
import zlib
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import count
from random import Random
from threading import RLock
from typing import Any

import orjson

from .arguments import DAY_MS, Query, parse_ms
from .reading import Reading

Row = dict[str, Any]
_HIDDEN_MS = 120_001
_ORDERS_KEPT = 8


class StoredRow:
    """A row as the API sends it, with what filtering and ordering need."""

    __slots__ = ("body", "end", "hidden", "row", "sequence", "start", "time_taken")

    def __init__(self, row: Row, sequence: int) -> None:
        taken = row.get("Time Taken")
        self.row = row
        self.sequence = sequence
        self.body = orjson.dumps(row)
        self.start, self.end = parse_ms(row.get("start Date")), parse_ms(row.get("End Date"))
        self.time_taken = taken if isinstance(taken, (int, float)) else 0
        # Follows from what the row says: the source of all that it does not show.
        self.hidden = zlib.crc32(self.body)

    def ended(self, reading: Reading) -> int | None:
        """When the server takes its call to have ended; None for a row without any date."""
        if self.end is not None or self.start is None:
            return self.end
        return self.start + (self.hidden % _HIDDEN_MS if reading.no_end == "hidden_end" else 0)

    def filed(self, reading: Reading) -> int | None:
        """The moment that the server files it under."""
        ended = self.ended(reading)
        if reading.filter_by == "start" and self.start is not None:
            return self.start
        if reading.filter_by == "entry" and ended is not None:
            return ended + self.hidden // 7 % _HIDDEN_MS
        return ended

    def is_there(self, reading: Reading, now_ms: int) -> bool:
        """Whether it has appeared already and is not gone yet."""
        ended = self.ended(reading)
        if ended is None:
            return True
        if reading.retention_days is not None and ended < now_ms - reading.retention_days * DAY_MS:
            return False
        lag_ms = int(reading.lag_seconds * 1000)
        return not lag_ms or ended + self.hidden // 11 % (lag_ms + 1) <= now_ms


class LogStore:
    """The rows of one bot, some of which may not have appeared yet. Threads may share it."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._lock = RLock()
        self._sequence = count()
        self._rows: list[StoredRow] = []
        self._filed: dict[tuple[str, str], list[StoredRow]] = {}
        self._dateless: list[StoredRow] = []
        self._to_appear: list[tuple[float, int, StoredRow]] = []
        self._orders: OrderedDict[object, list[StoredRow]] = OrderedDict()
        self._shuffle = Random(0)
        self.add(rows)

    def add(self, rows: Iterable[Row], appears_after: float = 0.0) -> None:
        """Log rows now, or `appears_after` seconds from now as the platform does with its lag."""
        with self._lock:
            stored = [StoredRow(row, next(self._sequence)) for row in rows]
            if appears_after <= 0:
                self._log(stored)
                return
            appears_at = time.monotonic() + appears_after
            for one in stored:
                heapq.heappush(self._to_appear, (appears_at, one.sequence, one))

    def remove(self, rows: Iterable[StoredRow]) -> None:
        """Take rows out of the log, as the platform does with a conversation that is deleted."""
        gone = {stored.sequence for stored in rows}
        with self._lock:
            kept = [stored for stored in self._rows if stored.sequence not in gone]
            self._rows, self._dateless = [], []
            self._filed.clear()
            self._log(kept)

    def rows(self) -> list[Row]:
        """All rows that exist now, in the order they were logged, whatever a reading shows of them."""
        with self._lock:
            self._appear()
            return [stored.row for stored in self._rows]

    def earliest_ms(self) -> int | None:
        """The first date of any row."""
        with self._lock:
            return min((ms for one in self._rows for ms in (one.start, one.end) if ms is not None), default=None)

    def matching(self, query: Query, reading: Reading) -> list[StoredRow]:
        """Every row of the query's range and filters, oldest first."""
        with self._lock:
            self._appear()
            index, key = self._index(reading), _filed_under(reading)
            first = bisect_left(index, query.first_ms, key=key)
            after = bisect_left(index, query.after_ms, lo=first, key=key)
            found = self._dateless + index[first:after]
        if not query.selection.is_everything:
            found = [stored for stored in found if query.selection.takes(stored.row, stored.hidden)]
        if _changes_with_time(reading):
            now_ms = int(time.time() * 1000)
            found = [stored for stored in found if stored.is_there(reading, now_ms)]
        return found

    def page(self, query: Query, reading: Reading) -> list[StoredRow]:
        """The query's rows in the reading's order, from `skip` on, at most `limit` of them."""
        with self._lock:
            order = f"time_taken {query.time_taken}" if query.time_taken else reading.order
            ordered = self._ordered(order, query, reading)
            ordered = ordered[: reading.most_rows]
            last = query.skip + query.limit
            page = ordered[query.skip : last]
            if order == "unstable_ties":
                page = self._with_ties_shuffled(ordered, query.skip, last, self._shuffle)
            elif order == "paged_ties":
                page = self._with_ties_shuffled(ordered, query.skip, last, Random(f"{query.skip} {query.limit}"))
        return page if reading.page_bytes is None else _within(reading.page_bytes, page, reading)

    def _appear(self) -> None:
        now, appeared = time.monotonic(), []
        while self._to_appear and self._to_appear[0][0] <= now:
            appeared.append(heapq.heappop(self._to_appear)[2])
        if appeared:
            self._log(appeared)

    def _log(self, stored: list[StoredRow]) -> None:
        self._rows += stored
        self._dateless += [one for one in stored if one.start is None and one.end is None]
        dated = [one for one in stored if one.start is not None or one.end is not None]
        for (filter_by, no_end), index in self._filed.items():
            index += dated
            index.sort(key=_filed_under(Reading(filter_by=filter_by, no_end=no_end)))  # type: ignore[arg-type]
        self._orders.clear()

    def _index(self, reading: Reading) -> list[StoredRow]:
        """The rows with a date, by the moment they are filed under."""
        how = (reading.filter_by, reading.no_end)
        if how not in self._filed:
            dated = [one for one in self._rows if one.start is not None or one.end is not None]
            self._filed[how] = sorted(dated, key=_filed_under(reading))
        return self._filed[how]

    def _ordered(self, order: str, query: Query, reading: Reading) -> list[StoredRow]:
        """All rows of the query in this order. Sorting is the dear part: orders are kept until the log changes."""
        asked = (replace(query, skip=0, limit=0), order, reading.filter_by, reading.no_end)
        self._appear()
        if asked in self._orders and not _changes_with_time(reading):
            self._orders.move_to_end(asked)
            return self._orders[asked]
        found = self.matching(query, reading)
        if order == "newest":
            found.reverse()
        elif order.startswith("time_taken"):
            found.sort(key=lambda stored: stored.time_taken, reverse=order.endswith("desc"))
        elif order.endswith("_ties"):
            found.sort(key=lambda stored: -_second(stored))
        elif order == "arbitrary":
            found.sort(key=lambda stored: stored.hidden)
        elif order == "unstable":
            self._shuffle.shuffle(found)
            return found
        self._orders[asked] = found
        if len(self._orders) > _ORDERS_KEPT:
            self._orders.popitem(last=False)
        return found

    @staticmethod
    def _with_ties_shuffled(ordered: list[StoredRow], first: int, last: int, chance: Random) -> list[StoredRow]:
        """Shuffle each second that reaches into the page, whole, before the page is cut out of it."""
        first, last = min(first, len(ordered)), min(last, len(ordered))
        if first == last:
            return []
        begin, end = first, last
        while begin > 0 and _second(ordered[begin - 1]) == _second(ordered[first]):
            begin -= 1
        while end < len(ordered) and _second(ordered[end]) == _second(ordered[last - 1]):
            end += 1
        shuffled = sorted(
            ordered[begin:end], key=lambda stored: (-_second(stored), chance.random())
        )  # fmt: skip
        return shuffled[first - begin : last - begin]


def _filed_under(reading: Reading) -> Callable[[StoredRow], int]:
    if reading.filter_by == "end" and reading.no_end == "start":  # The plain case, and the one of dense logs.
        return lambda stored: stored.end or stored.start or 0
    return lambda stored: stored.filed(reading) or 0


def _changes_with_time(reading: Reading) -> bool:
    return bool(reading.lag_seconds) or reading.retention_days is not None


def _within(most: int, page: list[StoredRow], reading: Reading) -> list[StoredRow]:
    """As many of the first rows as fit into a JSON array of so many bytes."""
    size = 1
    for place, stored in enumerate(page):
        size += len(stored.body) + 1
        if size > most:
            return page[: place or int(reading.page_bytes_mode == "at_least_one")]
    return page


def _second(stored: StoredRow) -> int:
    return (stored.start or 0 if stored.end is None else stored.end) // 1000
