"""What a sync calls *now*: the earlier of the local clock and the server's.

What is asked for and what is taken for complete rests on it. With the local clock ahead, a sync would believe to have
read what the server had not written yet.
"""

import logging
import time
from email.utils import parsedate_to_datetime

logger = logging.getLogger("airbyte")

DIFFERENCE_TO_TELL = 60.0


class ServerClock:
    """The present, corrected by the `Date` of answers. Thread-safe: what threads may do at once is harmless."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> int:
        """In milliseconds since the epoch. It goes back when an answer shows that the local clock is ahead."""
        return int((time.time() - self._ahead) * 1000)

    def heard(self, date: str | None, sent: float) -> None:
        """Takes note of the `Date` of an answer to a request that was sent at this moment of the local clock, in seconds.
        A date that cannot be read says nothing. `Date` has whole seconds, and came after the request was sent."""
        try:
            ahead = sent - parsedate_to_datetime(date or "").timestamp() - 1
        except (ValueError, TypeError, OverflowError):
            return
        if ahead > self._ahead:
            if ahead >= DIFFERENCE_TO_TELL > self._ahead:
                logger.warning("The clock of this machine is %.0f s ahead of the server's, which counts.", ahead)
            self._ahead = ahead
