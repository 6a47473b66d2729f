"""A log of any length that costs the server next to nothing: rows at even distances, spliced from ready bytes.

The real emulator keeps every row twice, parsed and as bytes; a million rows would not fit, and making them would
take longer than reading them.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson

from integration_tests.kore_emulator import generate_rows
from integration_tests.kore_emulator.behaviour import Behaviour, LogRow
from integration_tests.kore_emulator.simulation import Log, Page, Query

TEMPLATES = 200
MARKS = (b"@start@", b"@end@", b"@number@")


class Spliced(Sequence[LogRow]):
    """The rows from one place to another, the newest first; each is made when it is asked for."""

    def __init__(self, log: "EvenLog", first: int, after: int) -> None:
        self._log, self._first, self._after = log, first, after

    def __len__(self) -> int:
        return self._after - self._first

    def __getitem__(self, places: Any) -> Any:
        assert isinstance(places, slice)
        return [self._log.row(self._after - 1 - place) for place in range(*places.indices(len(self)))]


class EvenLog(Log):
    """`count` rows of one bot from `start` to `end`; the newest first, filtered by their end."""

    def __init__(self, bot_id: str, start: datetime, end: datetime, count: int, payload_bytes: int) -> None:
        super().__init__()
        self._count = count
        self._start_ms = int(start.timestamp() * 1000)
        self._step_ms = (end - start) / timedelta(milliseconds=1) / count
        self._templates = templates(bot_id, payload_bytes)

    def ordered(self, does: Behaviour, query: Query, page: Page) -> Sequence[LogRow]:
        first, after = self._place(query.first), self._place(query.last + 1)
        return Spliced(self, first, max(first, after))

    def _place(self, ms: int) -> int:
        """How many rows ended before this moment."""
        place = max(0, min(self._count, int((ms - self._start_ms) / self._step_ms) - 1))
        while place < self._count and self._ends_at(place) < ms:
            place += 1
        return place

    def _ends_at(self, i: int) -> int:
        return self._start_ms + int((i + 1) * self._step_ms)

    def row(self, i: int) -> LogRow:
        body = self._body(i)
        return LogRow(number="", start=None, end=None, size=len(body) + 1, body=body)

    def _body(self, i: int) -> bytes:
        parts = self._templates[i % len(self._templates)]
        ends_at = self._ends_at(i)
        values = {b"@start@": iso(ends_at - 900), b"@end@": iso(ends_at), b"@number@": b"%012d" % i}
        return b"".join([values.get(part, part) for part in parts])


def iso(ms: int) -> bytes:
    moment = datetime.fromtimestamp(ms // 1000, timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z".encode()


def templates(bot_id: str, payload_bytes: int) -> list[list[bytes]]:
    """Believable rows cut at the places where one row differs from the next."""
    end = datetime(2026, 1, 1, tzinfo=timezone.utc)
    cut = []
    for row in generate_rows(bot_id, end - timedelta(days=1), end, TEMPLATES, 1, payload_bytes=payload_bytes):
        row |= {"start Date": "@start@", "End Date": "@end@", "Session ID": "@number@", "Time Taken": 900}
        parts = [orjson.dumps(row)]
        for mark in MARKS:
            parts = [piece for part in parts for piece in around(part, mark)]
        cut.append(parts)
    return cut


def around(part: bytes, mark: bytes) -> list[bytes]:
    before, found, after = part.partition(mark)
    return [before, found, after] if found else [part]
