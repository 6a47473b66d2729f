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
    CallRateLimitHit,
    HttpAPIBudget,
    HttpRequestRegexMatcher,
    MovingWindowCallRatePolicy,
    Rate,
)
from airbyte_cdk.sources.types import Config

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
    """Waits until the request's bot may be asked again, and says so when that takes seconds."""

    def acquire_call(self, request: Any, block: bool = True, timeout: float | None = None) -> None:
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


def budget_of(config: Config) -> BotBudget:
    per_minute = int(config.get("requests_per_minute") or PER_MINUTE)
    per_hour = int(config.get("requests_per_hour") or PER_HOUR)
    policies = [bot_policy(bot, per_minute, per_hour) for bot in config["bot_ids"]]
    # A refusal is waited out as the server says (error_handler.py); the CDK would count calls that were not made.
    return BotBudget(policies=policies, status_codes_for_ratelimit_hit=[])


class BotRequester(HttpRequester):
    """The CDK's requester under a budget per bot. It leaves a page on the connection until there is room for it: who
    reads it is the error handler, which looks at every answer first (error_handler.py, backpressure.py).
    """

    def __post_init__(self, parameters: Any) -> None:
        self.stream_response = True
        self.api_budget = budget_of(self.config)
        super().__post_init__(parameters)
