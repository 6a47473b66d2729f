"""Rows as the API sends them, and as the simulation keeps them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import orjson

from .behaviour import LogRow, parse

_HIDDEN_MS = 120_001


def logged(row: Mapping[str, Any] | bytes) -> LogRow:
    """A row, or its body, as the server keeps it. What it does not show follows from its content, so it never changes:
    its end where it has none, and its entry's time, both up to two minutes later."""
    body = row if isinstance(row, bytes) else orjson.dumps(row)
    shown: Mapping[str, Any] = {} if isinstance(row, bytes) else row
    hidden = zlib.crc32(body)
    start, end = (parsed[0] if (parsed := parse(shown.get(key))) else None for key in ("start Date", "End Date"))
    taken = shown.get("Time Taken")
    return LogRow(
        number=f"{hidden:08x}",
        start=start,
        end=end,
        unshown_end=None if end is not None or start is None else start + hidden % _HIDDEN_MS,
        delay=hidden // 7 % _HIDDEN_MS,
        channel=str(shown.get("Channel Name")),
        feature=str(shown.get("Feature Name ")),
        task=str(shown.get("task Id")),
        user=str(shown.get("User ID")),
        channel_user=str(shown.get("Channel User ID")),
        developer=shown.get("Channel Name") == "developer",
        size=len(body) + 1,
        time_taken=taken if isinstance(taken, int) else None,
        body=body,
    )
