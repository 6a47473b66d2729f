"""One bot's log while it is read: its parts, how far they are, and what is told of it."""

import logging
import time
from collections.abc import Iterator
from functools import partial
from threading import Lock

from airbyte_cdk.models import FailureType

from source_kore_llm_logs.errors import Fault
from source_kore_llm_logs.reading.bot import Bot
from source_kore_llm_logs.reading.fetch import CannotRead, Row
from source_kore_llm_logs.reading.planner import SIDE_BY_SIDE, Planned, Planner
from source_kore_llm_logs.reading.reader import PartReader
from source_kore_llm_logs.records.timestamps import iso_of
from source_kore_llm_logs.runtime.sync_report import SyncReport

logger = logging.getLogger("airbyte")

SECONDS_BETWEEN_LINES = 60.0
QUICK_PAGE_SECONDS = 0.2
"""Pages that come faster are worked off by one thread as fast as by several."""


class LogOfBot:
    """A bot, the plan of its parts, and the parts under way. Thread-safe."""

    def __init__(self, bot: Bot, planner: Planner, report: SyncReport):
        self.bot, self.planner = bot, planner
        self.under_way = 0
        """Parts; whoever starts and ends them counts them."""
        self.requests_a_second = 1.0
        """The rate that is permitted for this bot."""
        self.has_failed = False
        self._began = self._told = time.monotonic()
        self._records = 0
        self._lock = Lock()
        report.logs.append(self)

    @property
    def is_done(self) -> bool:
        """Whether no part will be read any more."""
        return self.has_failed or self.planner.is_done

    @property
    def records(self) -> int:
        """How many were handed on so far, page by page."""
        return self._records

    def parts_at_once(self, requests_a_second: float) -> int:
        """How many parts to read side by side, 1 to `SIDE_BY_SIDE`, so that the permitted rate is used at this server's
        speed."""
        seconds = self.bot.seconds_a_page
        if seconds < QUICK_PAGE_SECONDS:
            return 1
        return min(SIDE_BY_SIDE, int(seconds * requests_a_second) + 2)

    def rows(self, planned: Planned) -> Iterator[Row | None]:
        """The rows of one part, each once, and None behind those of each page. Ends early if another part has failed;
        the planner then does not know the part as read.

        Blocks while a request is under way. Raises Fault, which names the bot; then no further part is begun.
        """
        records = 0
        try:
            at_once = partial(self.parts_at_once, self.requests_a_second)
            for row in PartReader(self.bot, self.planner, planned, at_once).rows():
                if row is not None:
                    records += 1
                elif self.has_failed:
                    return
                else:
                    self._page(records)
                    records = 0
                yield row
        except CannotRead as words:
            self.has_failed = True
            kind = FailureType.transient_error if words.is_transient else FailureType.config_error
            raise Fault(f"{words}.", kind, self.bot.id) from words
        except Exception:
            self.has_failed = True
            raise

    def _page(self, records: int) -> None:
        """Counts a page. A line a minute tells how far it is, and when it will end if it goes on like that."""
        with self._lock:
            self._records += records
            now = time.monotonic()
            if now - self._told < SECONDS_BETWEEN_LINES:
                return
            self._told = now
        window, reached = self.planner.window, self.planner.reached
        share = (reached - window.start) / window.length
        left = f", {(now - self._began) * (1 - share) / share / 60:.0f} minutes to go" if share else ""
        logger.info(
            "Bot %s: read to %s, %.0f %% of its time; %d records, %d requests%s.",
            self.bot.id, iso_of(reached), 100 * share, self._records, self.bot.counts["requests"], left,
        )  # fmt: skip

    def tell_end(self) -> None:
        """One line: what was read, and how it is known to be complete."""
        counts, window, reached = self.bot.counts, self.planner.window, self.planner.reached
        until, state = window.after, "settled"
        if self.has_failed:
            until, state = reached, f"not read from there to {iso_of(window.after)}"
        elif reached < window.after:
            state = f"settled, and asked for again from {iso_of(reached)} on by the next sync"
        logger.log(
            logging.WARNING if self.has_failed else logging.INFO,
            "Bot %s: %s to %s, %s: %d parts, %d requests, %d rows received, %d repeated, %d records; bounds %s.",
            self.bot.id, iso_of(window.start), iso_of(until), state,
            self.planner.parts_read, counts["requests"], counts["received"], counts["repeated"], self._records,
            "verified" if self.bot.is_verified(self.bot.form) else "padded by a day and more",
        )  # fmt: skip
