"""What a sync shares and tells: its backpressure, the logs that it reads, and lines about both in the log."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from source_kore_llm_logs.manifest import named
from source_kore_llm_logs.runtime.backpressure import Backpressure

if TYPE_CHECKING:
    from source_kore_llm_logs.runtime.log_of_bot import LogOfBot

logger = logging.getLogger("airbyte")


@dataclass
class SyncReport:
    """One sync; shared by all threads."""

    backpressure: Backpressure = field(default_factory=Backpressure)
    repairs: Counter[str] = field(default_factory=Counter)
    """How often something in a row was mended: the words of a log line -> a number, which comes before them."""
    logs: list["LogOfBot"] = field(default_factory=list)
    opens: Callable[[Any], "LogOfBot"] | None = None
    """Opens the log that a slice stands for; the retriever sets it."""

    def summary(self, filters: Mapping[str, Any]) -> None:
        """Lines at the end: one a bot, and one for each thing that somebody may want to look into."""
        for log in sorted(self.logs, key=lambda log: log.bot.id):
            log.tell_end()
        for what, times in sorted(self.repairs.items()):
            logger.warning("%d %s.", times, what)
        undated = sum(len(log.bot.undated) for log in self.logs)
        if undated:
            logger.warning(
                "%d rows had no date that can be read; they were kept with `start_date` and `end_date` null.", undated
            )
        ahead = sum(len(log.bot.ahead) for log in self.logs)
        if ahead:
            logger.warning("%d rows are dated ahead of now; each is read when its day has come.", ahead)
        chosen = [named(name) for name, value in filters.items() if value]
        if chosen and self.logs and not any(log.records or log.has_failed for log in self.logs):
            logger.warning("No row at all matches the filters: check the spelling in %s.", ", ".join(chosen))


_current: ContextVar[SyncReport | None] = ContextVar("sync_report", default=None)


@contextmanager
def sync_report() -> Iterator[SyncReport]:
    """The report of a stream that is built inside this block."""
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
