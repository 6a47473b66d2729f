"""What a sync did, counted once for the log: a line for each window, and a summary at the end.

The report also carries the sync's `Backpressure`, so that the stream and whoever prints its messages share one.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Lock

from source_kore_llm_logs.runtime.backpressure import Backpressure

logger = logging.getLogger("airbyte")


@dataclass
class WindowCount:
    """One window: pages asked for, rows received (the padding's too), rows kept as records."""

    pages: int = 0
    received: int = 0
    kept: int = 0
    undated: int = 0


@dataclass
class SyncReport:
    """Counts of one sync per bot; shared by all threads."""

    backpressure: Backpressure = field(default_factory=Backpressure)
    repairs: Counter[str] = field(default_factory=Counter)
    """How often something in a row was mended: the words of a log line -> a number, which comes before them."""
    _total: dict[str, Counter[str]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def window(self, bot_id: str, start: str, end: str, count: WindowCount) -> None:
        logger.info(
            "Bot %s, window %s to %s: %d pages, %d rows received, %d kept.",
            bot_id, start, end, count.pages, count.received, count.kept,
        )  # fmt: skip
        with self._lock:
            self._total.setdefault(bot_id, Counter()).update(
                windows=1, pages=count.pages, received=count.received, kept=count.kept, undated=count.undated
            )

    def summary(self) -> None:
        for bot_id, total in sorted(self._total.items()):
            logger.info(
                "Bot %s, all: %d windows, %d pages, %d rows received, %d kept.",
                bot_id, total["windows"], total["pages"], total["received"], total["kept"],
            )  # fmt: skip
        for what, times in sorted(self.repairs.items()):
            logger.warning("%d %s.", times, what)
        undated = sum(total["undated"] for total in self._total.values())
        if undated:
            logger.warning(
                "%d rows had no date that can be read; they were kept with `start_date` and `end_date` null.",
                undated,
            )


_current: ContextVar[SyncReport | None] = ContextVar("sync_report", default=None)


@contextmanager
def sync_report() -> Iterator[SyncReport]:
    """The report that a stream built inside this block writes to."""
    report = SyncReport()
    token = _current.set(report)
    try:
        yield report
    finally:
        _current.reset(token)


def current_report() -> SyncReport:
    """Outside a sync, one that nobody reads, and that holds nothing back."""
    return _current.get() or SyncReport(Backpressure(most_bytes=float("inf")))


def is_sync() -> bool:
    """Whether this is inside `sync_report()`, and not in `check` or `discover`."""
    return _current.get() is not None
