"""Requests a minute and an hour, per bot, over a rolling window; a refused request counts as well."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from threading import Lock

from .reading import Reading
from .simulation import Answer, Refusal


class TooSoon(Refusal):
    """Carries, besides, how many seconds to wait, where the server says so."""

    def __init__(self, answer: Answer, wait: int | None) -> None:
        self.wait = wait
        super().__init__(answer)


class RateLimit:
    """Remembers when each bot was asked, and refuses what comes too soon."""

    def __init__(self) -> None:
        self.refused = 0
        self._arrivals: defaultdict[str, deque[float]] = defaultdict(deque)
        self._lock = Lock()

    def check(self, bot_id: str, reading: Reading) -> None:
        """Count this request and raise a refusal if it is one too many."""
        now = time.monotonic()
        hour = 3600 * reading.rate_window_scale
        minute = 60 * reading.rate_window_scale
        with self._lock:
            arrivals = self._arrivals[bot_id]
            arrivals.append(now)
            while arrivals[0] <= now - hour:
                arrivals.popleft()
            hourly_wait = _seconds_until_room(arrivals, reading.requests_per_hour, hour, now)
            minute_wait = _seconds_until_room(arrivals, reading.requests_per_minute, minute, now)
            if max(hourly_wait, minute_wait) <= 0:
                return
            self.refused += 1
        status = {"text_400": 400, "text_200": 200}.get(reading.rate_refusal, 429)
        has_wait = reading.rate_refusal == "429_retry_after"
        wait = math.ceil(max(hourly_wait, minute_wait)) if has_wait else None
        raise TooSoon(Answer(status, words=_words("hourly" if hourly_wait > 0 else "per-minute", reading)), wait)


def _seconds_until_room(arrivals: deque[float], allowed: int | None, window: float, now: float) -> float:
    """Zero if the newest arrival is within the limit, else how long until another one would be."""
    if allowed is None or len(arrivals) <= allowed:
        return 0.0
    if arrivals[-allowed - 1] <= now - window:
        return 0.0
    return (arrivals[-allowed] if allowed else now) + window - now


def _words(which: str, reading: Reading) -> str:
    if reading.rate_text == "general":
        return "Rate limit for this API has been reached. Please try again after some time."
    return f"You've exceeded the {which} rate limit. Please wait for sometime before retrying."
