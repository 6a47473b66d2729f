"""Small rows at even distances: 100,000 of them are made and logged in a second or two."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .behaviour import iso


def even_rows(bot_id: str, start: datetime, end: datetime, count: int) -> list[dict[str, Any]]:
    """`count` different rows of some 200 bytes that end in (start, end], oldest first, the last at `end`."""
    last_ms, step_ms = int(end.timestamp() * 1000), (end - start).total_seconds() * 1000 / count
    return [
        {
            "start Date": iso(ends_at - 900),
            "End Date": iso(ends_at),
            "Time Taken": 900,
            "Bot ID": bot_id,
            "Channel Name": "rtm",
            "Description": f"row {number}",
            "Status": "Success",
        }
        for number in range(count)
        for ends_at in [last_ms - int((count - 1 - number) * step_ms)]
    ]
