"""The log lines about one bot: how its server answers, its progress, and a summary at the end."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from source_kore_llm_logs.reading.bot_log import BotLog
from source_kore_llm_logs.reading.calibration import ServerProfile
from source_kore_llm_logs.reading.fetch import Row
from source_kore_llm_logs.reading.span import WIDE_PADDING
from source_kore_llm_logs.records.timestamps import ms_to_iso

logger = logging.getLogger("airbyte")

SECONDS_BETWEEN_LINES = 60.0


class BotReport:
    """Counts and logs what happens to one bot: `requests` sent (retries included), rows `received`, `records` emitted,
    and `repairs` of rows, keyed by the text of their log line. Not thread-safe."""

    def __init__(self, bot_id: str) -> None:
        self.bot_id = bot_id
        self.repairs: Counter[str] = Counter()
        self.records = self.requests = self.received = 0
        self._profile: ServerProfile | None = None
        self._undated: set[str] = set()
        self._ahead: set[str] = set()
        self._began = self._last_line = time.monotonic()

    def count(self, rows: Sequence[Row], now: int) -> None:
        """Counts the rows of a page that was received at `now`, in milliseconds since the epoch."""
        self.received += len(rows)
        self._undated.update(row.id for row in rows if row.time is None)
        self._ahead.update(row.id for row in rows if row.time is not None and row.time > now)

    def _log_profile(self, profile: ServerProfile | None) -> None:
        """Logs how the bot's server answers, unless that line was logged before."""
        if profile is None or (self._profile and replace(profile, rows=self._profile.rows) == self._profile):
            return
        self._profile, wording, scopes = profile, profile.wording, profile.scopes
        dates = {"milliseconds": "dates to the millisecond", "seconds": "dates without a zone", "day": "plain dates"}
        zone = f" ({wording.offset / 3_600_000:+g} h from UTC)" if wording.offset else ""
        summary = f"{dates[wording.dates]}{zone}, numbers as {'integers' if wording.integers else 'text'}"
        is_proved = profile.padding < WIDE_PADDING
        if profile.rows or is_proved:
            apart = ["developers apart"] if len({scope.developer for scope in scopes}) > 1 else []
            apart += ["channels by name"] if len({scope.channels for scope in scopes}) > 1 else []
            bounds = "exact to five minutes" if is_proved else "not proved"
            ways = f"in {len(scopes)} ways ({', '.join(apart)})" if apart else "once"
            summary += f", bounds {bounds}, up to {_count(profile.limit, 'row')} a page, asked for {ways}"
        else:
            summary += ", no row seen"
        logger.info("Bot %s: the server answers with %s.", self.bot_id, summary)

    def log_progress(self, log: BotLog) -> None:
        """Logs at most once a minute how far the bot is read, and an estimate of the time left."""
        self._log_profile(log.profile)
        now = time.monotonic()
        if now - self._last_line < SECONDS_BETWEEN_LINES:
            return
        self._last_line = now
        share = (log.complete_until - log.window.start) / log.window.length
        minutes = round((now - self._began) * (1 - share) / share / 60) if share else 0
        left = f", about {_count(max(1, minutes), 'minute')} to go" if share else ""
        logger.info(
            "Bot %s: read to %s (%.0f %% of the period), %s, %s%s.",
            self.bot_id, ms_to_iso(log.complete_until), 100 * share, _count(self.records, "record"),
            _count(self.requests, "request"), left,
        )  # fmt: skip

    def log_end(self, log: BotLog, has_failed: bool, filters: list[str]) -> None:
        """Logs the summary of the bot, and warnings about its rows. `filters` are those of the configuration."""
        self._log_profile(log.profile)
        bot, start, after = self.bot_id, ms_to_iso(log.window.start), ms_to_iso(log.window.after)
        state = "complete"
        if has_failed:
            state = f"complete to {ms_to_iso(log.complete_until)}, not read from there to {after}"
        elif log.complete_until < log.window.after:
            state = f"complete to {ms_to_iso(log.complete_until)}, from where the next sync reads again"
        logger.log(
            logging.WARNING if has_failed else logging.INFO,
            "Bot %s: %s to %s, %s: %s in %s, %s received; %s, %s read more than once.",
            bot, start, after, state, _count(self.records, "record"), _count(self.requests, "request"),
            _count(self.received, "row"), _count(log.parts, "part"), f"{log.parts_read_again or 'none'}",
        )  # fmt: skip
        for what, times in sorted(self.repairs.items()):
            logger.warning("Bot %s: %s: %s (each reading of a row counts).", bot, what, _count(times, "time"))
        undated, ahead = len(self._undated), len(self._ahead)
        if undated:
            what = "had no date that can be read; kept with `start_date` and `end_date` null"
            logger.warning("Bot %s: %s %s.", bot, _count(undated, "row"), what)
        if ahead:
            what = f"{'is' if ahead == 1 else 'are'} dated ahead of now, to be read when that day has come"
            logger.warning("Bot %s: %s %s.", bot, _count(ahead, "row"), what)
        if filters and not self.records and not has_failed:
            logger.warning("Bot %s: no row matches the filters: check the spelling in %s.", bot, ", ".join(filters))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
