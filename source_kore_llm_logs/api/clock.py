"""What a sync calls *now*: the earlier of the local clock and the server's. With the local clock ahead, a sync would
believe to have read what the server had not written yet."""

import logging
import time
from datetime import timezone
from email.utils import parsedate_to_datetime
from threading import Lock

logger = logging.getLogger("airbyte")

CLOCKS_AGREE = 60.0
ABSURD = 7 * 24 * 3600.0  # Seconds. So far off is no clock that a server checks tokens by, but 1970 or 9999, say.


def seconds_until(date: str | None, moment: float | None = None) -> float | None:
    """From a moment of the local clock, or from now, to the date of a header (RFC 9110); None if it is none."""
    try:
        there = parsedate_to_datetime(date or "")
        there = there if there.tzinfo else there.replace(tzinfo=timezone.utc)
        return there.timestamp() - (time.time() if moment is None else moment)
    except (TypeError, ValueError, OverflowError):
        return None


def hours(seconds: float) -> str:
    """A length of time as a person says it, for example "1 h 5 min"."""
    whole, minutes = divmod(round(abs(seconds) / 60), 60)
    return f"{whole} h {minutes} min" if whole else f"{minutes} min"


class ServerClock:
    """The present, corrected by the `Date` of answers. Thread-safe."""

    def __init__(self) -> None:
        self._ahead, self._lock = 0.0, Lock()

    def now(self) -> int:
        """In milliseconds since the epoch. It goes back when an answer shows that the local clock is ahead."""
        return int((time.time() - self._ahead) * 1000)

    def correct(self, date: str | None, sent: float) -> None:
        """Takes note of the `Date` (whole seconds) of an answer to a request that was sent at this moment of the local
        clock. No date, and an absurd one, change nothing. Warns once, from a minute on."""
        ahead = -(seconds_until(date, sent) or 0.0) - 1
        with self._lock:
            if self._ahead < ahead < ABSURD:
                if ahead >= CLOCKS_AGREE > self._ahead:
                    logger.warning("The clock of this machine is %s ahead of the server's, which counts.", hours(ahead))
                self._ahead = ahead
