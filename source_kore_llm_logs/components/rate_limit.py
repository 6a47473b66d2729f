"""60 requests a minute and 1,800 an hour, for each bot on its own [I].

The CDK's `HTTPAPIBudget` takes its policies from the manifest, where the bots are not known; so the same
call-rate machinery is given one moving window per bot here. Every attempt counts, retries included, and all
threads share the budget. A bot that has to wait does not hold up another.
"""

import logging
import re
from datetime import timedelta
from typing import Any

from airbyte_cdk.sources.declarative.requesters.http_requester import HttpRequester
from airbyte_cdk.sources.streams.call_rate import (
    AbstractCallRatePolicy,
    CallRateLimitHit,
    HttpAPIBudget,
    HttpRequestRegexMatcher,
    MovingWindowCallRatePolicy,
    Rate,
)
from airbyte_cdk.sources.types import Config

from source_kore_llm_logs.components.flow import Flow
from source_kore_llm_logs.components.report import current_report

logger = logging.getLogger("airbyte")

PER_MINUTE = 60
PER_HOUR = 1800
MARGIN = timedelta(milliseconds=400)
"""The server counts arrivals, we count departures: windows a little longer than its own absorb the jitter."""
SAY_WAITS_FROM = timedelta(seconds=5)


def bot_policy(bot_id: str, per_minute: int, per_hour: int) -> MovingWindowCallRatePolicy:
    """The rolling limits of one bot; requests are recognised by the bot id in their path."""
    rates = [Rate(limit=per_hour, interval=timedelta(hours=1) + MARGIN)]
    if per_minute < per_hour:
        rates.insert(0, Rate(limit=per_minute, interval=timedelta(minutes=1) + MARGIN))
    pattern = f"/bot/{re.escape(bot_id)}/"
    return MovingWindowCallRatePolicy(rates=rates, matchers=[HttpRequestRegexMatcher(url_path_pattern=pattern)])


class BotBudget(HttpAPIBudget):
    """Waits until the request's bot may be asked again, and says so when that takes seconds.

    Then it waits for room in memory (`Flow`): in this order, as a bot that waits for its limit must not keep the room.
    """

    def __init__(self, policies: list[AbstractCallRatePolicy], flow: Flow):
        # A refusal is waited out as the server says (errors.py); the CDK would count calls that were not made.
        super().__init__(policies=policies, status_codes_for_ratelimit_hit=[])
        self._flow = flow

    def acquire_call(self, request: Any, block: bool = True, timeout: float | None = None) -> None:
        self._flow.ends()
        try:
            super().acquire_call(request, block=False)
        except CallRateLimitHit as hit:
            if not block:
                raise
            if hit.time_to_wait >= SAY_WAITS_FROM:
                bot = str(request.url).rsplit("/", 2)[-2]
                logger.info(
                    "Bot %s: %s requests are used up, waiting %.0f s for the next.",
                    bot,
                    hit.rate,
                    hit.time_to_wait.total_seconds(),
                )
            super().acquire_call(request, block=True, timeout=timeout)
        self._flow.asks()


def budget_of(config: Config) -> BotBudget:
    per_minute = int(config.get("requests_per_minute") or PER_MINUTE)
    per_hour = int(config.get("requests_per_hour") or PER_HOUR)
    return BotBudget([bot_policy(bot, per_minute, per_hour) for bot in config["bot_ids"]], current_report().flow)


class BotRequester(HttpRequester):
    """The CDK's requester under a budget per bot."""

    def __post_init__(self, parameters: Any) -> None:
        self.api_budget = budget_of(self.config)
        super().__post_init__(parameters)
