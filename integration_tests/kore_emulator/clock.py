"""The emulator's clock: a fixed instant when it starts, and what has passed since. So no test depends on its day."""

from __future__ import annotations

import time
from datetime import datetime, timezone

NOW = datetime(2026, 3, 11, 10, 17, 23, tzinfo=timezone.utc)
"""The instant at which an emulator starts, unless it is told another. No hour of it is special, in any zone."""


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
