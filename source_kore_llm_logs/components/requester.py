"""How a request leaves: within the budget of its bot, signed when it leaves, and never sent on to another host.

60 requests a minute and 1,800 an hour, for each bot on its own [I]. The CDK's `HTTPAPIBudget` takes its policies from
the manifest, where the bots are not known; so it is given one moving window per bot here."""

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
from source_kore_llm_logs.runtime.backpressure import HeldPage

logger = logging.getLogger("airbyte")

PER_MINUTE, PER_HOUR = 60, 1800
MARGIN = timedelta(milliseconds=400)  # The server counts arrivals, we departures: longer windows absorb the jitter.
TIMEOUTS_OF_A_CHECK = (5, 10)  # Seconds to connect, and to answer: somebody waits.
LOG_WAITS_FROM = timedelta(seconds=5)
CONNECTIONS = 100  # Kept open to a host: as many as there can be workers.


class BotBudget(call_rate.HttpAPIBudget):
    """Rolling limits for each bot on its own, known by the bot id in the path. Every try counts. Thread-safe."""

    def __init__(self, config: Config):
        per_minute = int(config.get("requests_per_minute") or PER_MINUTE)
        per_hour = int(config.get("requests_per_hour") or PER_HOUR)
        rates = [
            call_rate.Rate(per_minute, timedelta(minutes=1) + MARGIN),
            call_rate.Rate(per_hour, timedelta(hours=1) + MARGIN),
        ]
        rates = rates if per_minute < per_hour else rates[1:]  # The limiter wants limits that grow.
        matchers = [
            call_rate.HttpRequestRegexMatcher(url_path_pattern=f"/bot/{re.escape(bot)}/") for bot in config["bot_ids"]
        ]
        policies = [call_rate.MovingWindowCallRatePolicy(rates, [matcher]) for matcher in matchers]
        # A refusal is waited out as the server says (error_handler.py); the CDK would count calls that were not made.
        super().__init__(policies=policies, status_codes_for_ratelimit_hit=[])

    def acquire_call(self, request: Any, block: bool = True, timeout: float | None = None) -> None:
        """Blocks until the bot may be asked again, and logs a wait of seconds."""
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
    """Sends a request once its bot may be asked, with a token that is signed after that wait. Raises what `requests`
    raises, always with the request. Thread-safe.

    No redirect is followed: `requests` would send the token along, because its header is not `Authorization`. No cookie
    is kept: a balancer's would tie all bots to one server, a session's would stand beside the token.
    """

    def __init__(self, budget: BotBudget | None, authenticator: AuthBase):
        super().__init__()
        self._budget = budget
        self.auth = self._sign = authenticator
        self.clock = ServerClock()
        self.sent: Counter[str] = Counter()  # Of each bot, every try counted.
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for prefix in list(self.adapters):
            self.mount(prefix, HTTPAdapter(pool_maxsize=CONNECTIONS))

    def send(self, request: requests.PreparedRequest, room: HeldPage | None = None, **kwargs: Any) -> requests.Response:
        """`room` is taken behind the wait for the limit, and kept only where rows may have come."""
        if self._budget:
            self._budget.acquire_call(request)
        if room:
            room.take()
        self._sign(request)
        self.sent[bot_of(request)] += 1
        sent, status = time.time(), None
        try:
            response = super().send(request, **kwargs)
            status = response.status_code
        except requests.RequestException as fault:
            fault.request = fault.request or request
            raise
        except LocationValueError:  # Of the address of a proxy; of the request's own, `requests` makes the same.
            raise requests.exceptions.InvalidURL(request=request) from None
        except OSError:  # `requests` lets it through for certificates that are not there.
            raise requests.exceptions.SSLError("no file of certificates", request=request) from None
        finally:
            if room and status != 200:
                room.resize(0)
        self.clock.correct(response.headers.get("Date"), sent)
        return response

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None, so that none is followed, and no `Location` is taken apart, which raises on some."""


class BotRequester(HttpRequester):
    """The CDK's requester with a session of our own. Thread-safe."""

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        is_check, timeouts = parameters.get("is_check"), (self.connect_timeout_in_seconds, self.read_timeout_in_seconds)
        # A check asks each bot once, and once more after a fault: it waits for no limit.
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

    def page(self, bot: StreamSlice, body: Mapping[str, Any], room: HeldPage) -> requests.Response:
        """The answer to this body, which holds `room`. Blocks until it has come, over waits and retries, and while
        there is no room. Raises Fault."""
        kwargs = {"stream": True, "room": room}
        url = self.get_url(stream_slice=bot)
        return self._client.send_request(self.get_method().value, url, json=body, request_kwargs=kwargs)[1]
