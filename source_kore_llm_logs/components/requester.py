"""Sends requests: within the rate limit of their bot, signed, and to no other host. Each bot has a limit of its own: 60
requests a minute and 1,800 an hour [I]. The manifest's `HTTPAPIBudget` cannot express a policy for each bot."""

import logging
import re
import time
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from airbyte_cdk.sources.declarative.requesters.http_requester import HttpRequester
from airbyte_cdk.sources.streams import call_rate
from airbyte_cdk.sources.streams.http import HttpClient
from airbyte_cdk.sources.types import Config, StreamSlice
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import LocationValueError

from source_kore_llm_logs.api.clock import ServerClock
from source_kore_llm_logs.components.error_handler import bot_of
from source_kore_llm_logs.runtime.backpressure import PageMemory

logger = logging.getLogger("airbyte")

PER_MINUTE, PER_HOUR = 60, 1800
MARGIN = timedelta(milliseconds=400)  # Longer windows absorb differences in how long requests take to arrive.
TIMEOUTS_OF_A_CHECK = (5, 10)  # Seconds to connect, and to answer: somebody waits.
LOG_WAITS_FROM = timedelta(seconds=5)
CONNECTIONS = 100  # Kept open to a host: as many as there can be workers.


class BotBudget(call_rate.HttpAPIBudget):
    """A rolling rate limit for each bot, by the bot id in the path. Retries count. Thread-safe."""

    def __init__(self, config: Config):
        per_minute = int(config.get("requests_per_minute") or PER_MINUTE)
        per_hour = int(config.get("requests_per_hour") or PER_HOUR)
        minute = call_rate.Rate(per_minute, timedelta(minutes=1) + MARGIN)
        hour = call_rate.Rate(per_hour, timedelta(hours=1) + MARGIN)
        rates = [minute, hour] if per_minute < per_hour else [hour]  # The policy needs limits in ascending order.
        matchers = [
            call_rate.HttpRequestRegexMatcher(url_path_pattern=f"/bot/{re.escape(bot)}/") for bot in config["bot_ids"]
        ]
        policies = [call_rate.MovingWindowCallRatePolicy(rates, [matcher]) for matcher in matchers]
        # error_handler.py handles a rate limit that the server reports; the CDK would count calls that were not made.
        super().__init__(policies=policies, status_codes_for_ratelimit_hit=[])

    def acquire_call(self, request: Any, block: bool = True, timeout: float | None = None) -> None:
        """Blocks until the limit allows another request for the bot. Logs waits from `LOG_WAITS_FROM` on."""
        try:
            super().acquire_call(request, block=False)
        except call_rate.CallRateLimitHit as hit:
            if hit.time_to_wait >= LOG_WAITS_FROM:
                limit, _, interval = hit.rate.removeprefix("limit=").partition("/")  # "limit=1800/1.0h"
                window, seconds = "an hour" if interval.endswith("h") else "a minute", hit.time_to_wait.total_seconds()
                words = "Bot %s: its requests (%s %s) are used up, waiting %.0f s for the next."
                logger.info(words, bot_of(request), f"{int(limit):,}", window, seconds)
            super().acquire_call(request, block=block, timeout=timeout)


class BotSession(requests.Session):
    """Waits for the rate limit, then signs and sends. Follows no redirect: `requests` would send the token along,
    because its header is not `Authorization`. Keeps no cookie: a load balancer's would tie all bots to one server, and
    a session's would compete with the token. Thread-safe."""

    def __init__(self, budget: BotBudget | None, authenticator: AuthBase):
        super().__init__()
        self._budget = budget
        self.auth = self._sign = authenticator
        self.clock = ServerClock()
        self.sent: Counter[str] = Counter()  # By bot, retries included.
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for prefix in list(self.adapters):
            self.mount(prefix, HTTPAdapter(pool_maxsize=CONNECTIONS))

    def send(
        self, request: requests.PreparedRequest, page: PageMemory | None = None, **kwargs: Any
    ) -> requests.Response:
        """Blocks while the rate limit is used up, and until `page` fits into memory. Releases the memory unless the
        status is 200. Raises RequestException, always with its request."""
        if self._budget:
            self._budget.acquire_call(request)
        if page:
            page.acquire()
        self._sign(request)
        self.sent[bot_of(request)] += 1
        sent, status = time.time(), None
        try:
            response = super().send(request, **kwargs)
            status = response.status_code
        except requests.RequestException as error:
            error.request = error.request or request
            raise
        except (
            LocationValueError
        ):  # The address of a proxy is invalid. For other addresses, `requests` raises InvalidURL.
            raise requests.exceptions.InvalidURL(request=request) from None
        except OSError:  # `requests` raises it for a missing file of certificates.
            raise requests.exceptions.SSLError("no file of certificates", request=request) from None
        finally:
            if page and status != 200:
                page.resize(0)
        self.clock.correct(response.headers.get("Date"), sent)
        return response

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Always None, so that no redirect is followed, and no invalid `Location` is parsed, which would raise."""


class BotRequester(HttpRequester):
    """The CDK's requester with a `BotSession`. Thread-safe."""

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        is_check, timeouts = parameters.get("is_check"), (self.connect_timeout_in_seconds, self.read_timeout_in_seconds)
        # A check sends one request for each bot, two if the first fails: it needs no rate limit.
        self.session = BotSession(None if is_check else BotBudget(self.config), self.get_authenticator())
        self._client = HttpClient(
            name=self.name,
            logger=self.logger,
            error_handler=self.error_handler,
            session=self.session,
            backoff_strategy=getattr(self.error_handler, "backoff_strategies", None),
            message_repository=self.message_repository,
            request_timeout=TIMEOUTS_OF_A_CHECK if is_check else timeouts,
        )

    def page(self, bot: StreamSlice, body: Mapping[str, Any], page: PageMemory) -> requests.Response:
        """Sends a request with this body, and returns the response that the error handler accepts. Blocks through waits
        and retries, and while `page` does not fit. Raises ConnectorError."""
        kwargs = {"stream": True, "page": page}
        url = self.get_url(stream_slice=bot)
        return self._client.send_request(self.get_method().value, url, json=body, request_kwargs=kwargs)[1]
