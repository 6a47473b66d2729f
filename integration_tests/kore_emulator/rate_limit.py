"""Requests a minute, per bot, over a rolling window; a refused request counts as well."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from threading import Lock

from .reading import Reading
from .simulation import Answer, Refusal


class TooSoon(Refusal):
    """Carries, besides, how many seconds to wait."""

    def __init__(self, words: str, wait: int) -> None:
        self.wait = wait
        super().__init__(Answer(429, words=words))


class RateLimit:
    """Remembers when each bot was asked, and refuses what comes too soon."""

    def __init__(self) -> None:
        self.refused = 0
        self._arrivals: defaultdict[str, deque[float]] = defaultdict(deque)
        self._lock = Lock()

    def check(self, bot_id: str, reading: Reading) -> None:
        """Count this request and raise a refusal if it is one too many."""
        now = time.monotonic()
        with self._lock:
            arrivals = self._arrivals[bot_id]
            arrivals.append(now)
            while arrivals[0] <= now - 60:
                arrivals.popleft()
            allowed = reading.requests_per_minute
            if allowed is not None and len(arrivals) > allowed:
                self.refused += 1
                words = "You've exceeded the per-minute rate limit. Please wait for sometime before retrying."
                raise TooSoon(words, math.ceil(arrivals[-allowed] + 60 - now) if allowed else 60)
