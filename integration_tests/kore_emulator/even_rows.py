"""Small rows at even distances: 100,000 of them are made and logged in a second or two."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .behaviour import iso


def even_rows(bot_id: str, start: datetime, end: datetime, count: int) -> list[dict[str, Any]]:
    """`count` different rows of some 200 bytes that end in (start, end], oldest first, the last at `end`."""
    last_ms = int(end.timestamp() * 1000)
    step_ms = (end - start).total_seconds() * 1000 / count
    rows = []
    for number in range(count):
        ends_at = last_ms - int((count - 1 - number) * step_ms)
        rows.append(
            {
                "start Date": iso(ends_at - 900),
                "End Date": iso(ends_at),
                "Time Taken": 900,
                "Bot ID": bot_id,
                "Channel Name": "rtm",
                "Description": f"row {number}",
                "Status": "Success",
            }
        )
    return rows
