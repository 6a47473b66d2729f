"""What a sync calls *now*: the earlier of the local clock and the server's.

What is asked for and what is taken for complete rests on it. With the local clock ahead, a sync would believe to have
read what the server had not written yet.
"""

import logging
import time
from datetime import timezone
from email.utils import parsedate_to_datetime
from threading import Lock

logger = logging.getLogger("airbyte")

DIFFERENCE_TO_TELL = 60.0
ABSURD = 7 * 24 * 3600.0
"""Seconds. So far behind is no clock that a server signs tokens by, but a `Date` that nobody sets: 1970, say."""


class ServerClock:
    """The present, corrected by the `Date` of answers. Thread-safe."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._lock = Lock()

    def now(self) -> int:
        """In milliseconds since the epoch. It goes back when an answer shows that the local clock is ahead."""
        return int((time.time() - self._ahead) * 1000)

    def heard(self, date: str | None, sent: float) -> None:
        """Takes note of the `Date` of an answer to a request that was sent at this moment of the local clock (seconds).
        What is no date, or an absurd one, says nothing. `Date` has whole seconds, and came after the request was sent.

        Warns once, if the clocks differ by a minute or more.
        """
        try:
            moment = parsedate_to_datetime(date or "")
            ahead = sent - (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp() - 1
        except (ValueError, TypeError, OverflowError):
            return
        with self._lock:
            if not self._ahead < ahead < ABSURD:
                return
            if ahead >= DIFFERENCE_TO_TELL > self._ahead:
                logger.warning("The clock of this machine is %.0f s ahead of the server's, which counts.", ahead)
            self._ahead = ahead
