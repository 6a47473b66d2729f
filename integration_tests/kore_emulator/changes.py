"""Rows that are logged and deleted under a client that pages."""

from __future__ import annotations

import time
import uuid
from copy import deepcopy
from threading import Lock

from .arguments import Query
from .log_store import LogStore, StoredRow
from .reading import Place, Reading
from .rows import iso


class Changes:
    """What moves under one reading, and how much of it has moved. Threads may share it."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._to_insert = reading.insert_rows if reading.insert_while_paging != "none" else 0
        self._to_delete = reading.delete_rows if reading.delete_while_paging != "none" else 0
        self._lock = Lock()

    def before_page(self, store: LogStore, query: Query) -> None:
        """Let rows come and go in the span that is being read, unless the page is its first."""
        if query.skip == 0 or not (self._to_insert or self._to_delete):
            return
        with self._lock:
            for _ in range(min(self._to_insert, self._reading.insert_per_request)):
                self._to_insert -= _insert(store, query, self._reading)
            for _ in range(min(self._to_delete, self._reading.delete_per_request)):
                self._to_delete -= _delete(store, query, self._reading)


def _dated(store: LogStore, query: Query, reading: Reading) -> list[StoredRow]:
    return [stored for stored in store.matching(query, reading) if stored.filed(reading) is not None]


def _at(place: Place, found: list[StoredRow]) -> StoredRow:
    return found[{"front": -1, "back": 0}.get(place, len(found) // 2)]


def _delete(store: LogStore, query: Query, reading: Reading) -> bool:
    """Delete the newest row of the span, the oldest, or the middle one."""
    found = _dated(store, query, reading)
    if found:
        store.remove([_at(reading.delete_while_paging, found)])
    return bool(found)


def _insert(store: LogStore, query: Query, reading: Reading) -> bool:
    """Clone one row of the span into its newest moment, its oldest, or the middle of its rows."""
    found = _dated(store, query, reading)
    if not found:
        return False
    middle = _at("middle", found)
    if reading.insert_while_paging == "front":
        at = min(query.after_ms - 1, int(time.time() * 1000))
    elif reading.insert_while_paging == "back":
        at = query.first_ms
    else:
        at = middle.filed(reading) or 0
    start, end = middle.start, middle.end
    duration = end - start if start is not None and end is not None else 0
    starts_at = at if reading.filter_by == "start" else at - duration
    clone = deepcopy(middle.row)
    clone["Session ID"] = f"session-{uuid.uuid4()}"
    clone["Description"] = f"slipped in {uuid.uuid4()}"
    response = clone.get("Payload Details", {}).get("Response Payload")
    if isinstance(response, dict) and "id" in response:
        response["id"] = f"inserted-{uuid.uuid4()}"
    clone["start Date"] = iso(starts_at)
    clone["End Date"] = iso(starts_at + duration)
    store.add([clone])
    return True
