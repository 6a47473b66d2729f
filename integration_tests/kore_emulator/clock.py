"""The emulator's clock: a known instant when it starts, and what has passed since. So no test depends on its hour."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

FIXED = datetime(2026, 3, 11, 10, 17, 23, tzinfo=timezone.utc)
"""No hour of it is special, in any zone."""
NOW = datetime.combine(datetime.now(timezone.utc) - timedelta(days=1), FIXED.timetz())
"""The instant at which an emulator starts, unless it is told another: yesterday, at a fixed hour. To be `FIXED` once
the connector believes a server that is more than a week behind this machine."""


class Clock:
    """Shows `start` when it is made. Nobody sets it."""

    def __init__(self, start: datetime) -> None:
        self._start = start.timestamp()
        self._began = time.monotonic()

    def seconds(self) -> float:
        """Since the epoch."""
        return self._start + time.monotonic() - self._began

    def milliseconds(self) -> int:
        return int(self.seconds() * 1000)
