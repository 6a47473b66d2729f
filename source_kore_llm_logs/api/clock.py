"""The time of a sync: that of the local clock or of the server, whichever is earlier. With a local clock that is ahead,
a sync would count logs as read that the server has not written yet."""

import logging
import time
from datetime import timezone
from email.utils import parsedate_to_datetime
from threading import Lock

logger = logging.getLogger("airbyte")

CLOCKS_AGREE = 60.0  # Seconds.
ABSURD = 7 * 24 * 3600.0  # Seconds. A date that is further off, such as 1970 or 9999, is not a server's clock.


def seconds_until(date: str | None, moment: float | None = None) -> float | None:
    """Seconds from a time of the local clock, or from now, to a header's date (RFC 9110). None for an invalid date."""
    try:
        there = parsedate_to_datetime(date or "")
        there = there if there.tzinfo else there.replace(tzinfo=timezone.utc)
        return there.timestamp() - (time.time() if moment is None else moment)
    except (TypeError, ValueError, OverflowError):
        return None


def hours(seconds: float) -> str:
    """A duration in words, for example "1 h 5 min"."""
    whole, minutes = divmod(round(abs(seconds) / 60), 60)
    return f"{whole} h {minutes} min" if whole else f"{minutes} min"


class ServerClock:
    """The local clock, corrected by the `Date` of responses. Thread-safe."""

    def __init__(self) -> None:
        self._ahead, self._lock = 0.0, Lock()

    def now(self) -> int:
        """Milliseconds since the epoch. They go back when a response shows that the local clock is ahead."""
        return int((time.time() - self._ahead) * 1000)

    def correct(self, date: str | None, sent: float) -> None:
        """Corrects the clock by the `Date` (in whole seconds) of a response whose request was sent at `sent`, by the
        local clock. Ignores a missing or absurd date. Logs a warning once the difference is a minute."""
        ahead = -(seconds_until(date, sent) or 0.0) - 1
        with self._lock:
            if self._ahead < ahead < ABSURD:
                if ahead >= CLOCKS_AGREE > self._ahead:
                    logger.warning("The clock of this machine is %s ahead of the server's, which counts.", hours(ahead))
                self._ahead = ahead
