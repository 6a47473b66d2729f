"""One bot's log: every row parsed and serialised once, so that a deep page costs as little as the first."""

from __future__ import annotations

import heapq
import time
import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import count
from random import Random
from threading import RLock
from typing import Any

import orjson

from .arguments import Query, parse_ms
from .reading import Reading

Row = dict[str, Any]


class StoredRow:
    """A row as the API sends it, with what filtering and ordering need."""

    __slots__ = ("arbitrary", "body", "by_end", "by_start", "row", "sequence", "time_taken")

    def __init__(self, row: Row, sequence: int) -> None:
        start, end = parse_ms(row.get("start Date")), parse_ms(row.get("End Date"))
        taken = row.get("Time Taken")
        self.row = row
        self.sequence = sequence
        self.body = orjson.dumps(row)
        self.by_end = start if end is None else end
        self.by_start = end if start is None else start
        self.time_taken = taken if isinstance(taken, (int, float)) else 0
        self.arbitrary = zlib.crc32(self.body)


def _end(stored: StoredRow) -> int:
    return stored.by_end or 0


def _start(stored: StoredRow) -> int:
    return stored.by_start or 0


class LogStore:
    """The rows of one bot, some of which may not have appeared yet."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._lock = RLock()
        self._sequence = count()
        self._rows: list[StoredRow] = []
        self._by_end: list[StoredRow] = []
        self._by_start: list[StoredRow] = []
        self._dateless: list[StoredRow] = []
        self._to_appear: list[tuple[float, int, StoredRow]] = []
        self._sorted: tuple[object, list[StoredRow]] | None = None
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

    def rows(self) -> list[Row]:
        """All rows that exist now, in the order they were logged."""
        with self._lock:
            self._appear()
            return [stored.row for stored in self._rows]

    def matching(self, query: Query, reading: Reading) -> list[StoredRow]:
        """Every row of the query's range and filters, oldest first."""
        with self._lock:
            self._appear()
            index, key = (self._by_end, _end) if reading.filter_by == "end" else (self._by_start, _start)
            first = bisect_left(index, query.first_ms, key=key)
            after = bisect_left(index, query.after_ms, lo=first, key=key)
            found = self._dateless + index[first:after]
        if not query.developer:
            found = [stored for stored in found if stored.row.get("Channel Name") != "developer"]
        for column, wanted in query.columns:
            found = [stored for stored in found if stored.row.get(column) in wanted]
        return found

    def page(self, query: Query, reading: Reading) -> list[StoredRow]:
        """The query's rows in the reading's order, from `skip` on, at most `limit` of them."""
        with self._lock:
            if query.time_taken is None and reading.order in ("newest", "oldest"):
                ordered = self.matching(query, reading)
                if reading.order == "newest":
                    ordered.reverse()
            else:
                ordered = self._sorted_once(query, reading)
            last = query.skip + query.limit
            if query.time_taken is None and reading.order == "unstable_ties":
                return self._with_ties_shuffled(ordered, query.skip, last)
            return ordered[query.skip : last]

    def _appear(self) -> None:
        now, appeared = time.monotonic(), []
        while self._to_appear and self._to_appear[0][0] <= now:
            appeared.append(heapq.heappop(self._to_appear)[2])
        if appeared:
            self._log(appeared)

    def _log(self, stored: list[StoredRow]) -> None:
        self._rows += stored
        self._dateless += [one for one in stored if one.by_end is None]
        dated = [one for one in stored if one.by_end is not None]
        for index, key in ((self._by_end, _end), (self._by_start, _start)):
            index += dated
            index.sort(key=key)
        self._sorted = None

    def _sorted_once(self, query: Query, reading: Reading) -> list[StoredRow]:
        """Sorting is the dear part: keep the last order until the log or the question changes."""
        key: Callable[[StoredRow], float]
        descending = False
        if query.time_taken or reading.order == "time_taken":
            key, descending = lambda stored: stored.time_taken, query.time_taken == "desc"
        elif reading.order == "unstable_ties":
            key, descending = _second, True
        else:
            key = lambda stored: stored.arbitrary  # noqa: E731
        asked = (
            query.first_ms,
            query.after_ms,
            query.columns,
            query.developer,
            query.time_taken,
            reading.order,
            reading.filter_by,
        )
        self._appear()
        if self._sorted is None or self._sorted[0] != asked:
            ordered = sorted(self.matching(query, reading), key=key, reverse=descending)
            self._sorted = (asked, ordered)
        return self._sorted[1]

    def _with_ties_shuffled(self, ordered: list[StoredRow], first: int, last: int) -> list[StoredRow]:
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
            ordered[begin:end], key=lambda stored: (-_second(stored), self._shuffle.random())
        )  # fmt: skip
        return shuffled[first - begin : last - begin]


def _second(stored: StoredRow) -> int:
    return _end(stored) // 1000
