"""The emulator's clock: a fixed instant when it starts, and what has passed since. So no test depends on its day."""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone

FIXED = datetime(2026, 3, 11, 10, 17, 23, tzinfo=timezone.utc)
NOW = FIXED if os.environ.get("KORE_EMULATOR_CLOCK") == "fixed" else datetime.now(timezone.utc).replace(microsecond=0)
"""The instant at which an emulator starts, unless it is told another."""


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
