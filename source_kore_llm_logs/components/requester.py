"""How a request leaves: within the budget of its bot, signed when it leaves, and never sent on to another host.

60 requests a minute and 1,800 an hour, for each bot on its own [I]. The CDK's `HTTPAPIBudget` takes its policies from
the manifest, where the bots are not known; so the same call-rate machinery is given one moving window per bot here.
Every attempt counts, retries included, and all threads share the budget. A bot that has to wait does not hold up
another.
"""

import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from airbyte_cdk.sources.declarative.requesters.http_requester import HttpRequester
from airbyte_cdk.sources.streams.call_rate import (
    CallRateLimitHit,
    HttpAPIBudget,
    HttpRequestRegexMatcher,
    MovingWindowCallRatePolicy,
    Rate,
)
from airbyte_cdk.sources.streams.http import HttpClient
from airbyte_cdk.sources.types import Config, StreamSlice, StreamState
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import LocationValueError

from source_kore_llm_logs.api.network import without_a_file
from source_kore_llm_logs.components.error_handler import bot_of
from source_kore_llm_logs.errors import Fault
from source_kore_llm_logs.runtime.clock import ServerClock

logger = logging.getLogger("airbyte")

PER_MINUTE = 60
PER_HOUR = 1800
MARGIN = timedelta(milliseconds=400)
"""The server counts arrivals, we count departures: windows a little longer than its own absorb the jitter."""
TIMEOUTS_OF_A_CHECK = (5, 10)
"""Seconds to connect, and to answer: somebody waits."""
SAY_WAITS_FROM = timedelta(seconds=5)
CONNECTIONS = 100
"""Kept open to a host: as many as there can be workers."""


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
                bot, seconds = str(request.url).rsplit("/", 2)[-2], hit.time_to_wait.total_seconds()
                logger.info("Bot %s: %s are used up, waiting %.0f s for the next.", bot, _in_words(hit.rate), seconds)
            super().acquire_call(request, block=True, timeout=timeout)


def _in_words(rate: str) -> str:
    """A limit as the CDK writes it, "limit=1800/1.0h", for a person."""
    limit, _, interval = rate.removeprefix("limit=").partition("/")
    return f"{int(limit):,} requests {'an hour' if interval.endswith('h') else 'a minute'}"


def budget_of(config: Config) -> BotBudget:
    """The limits of all bots."""
    per_minute = int(config.get("requests_per_minute") or PER_MINUTE)
    per_hour = int(config.get("requests_per_hour") or PER_HOUR)
    policies = [bot_policy(bot, per_minute, per_hour) for bot in config["bot_ids"]]
    # A refusal is waited out as the server says (error_handler.py); the CDK would count calls that were not made.
    return BotBudget(policies=policies, status_codes_for_ratelimit_hit=[])


class BotSession(requests.Session):
    """Sends a request once its bot may be asked, with a token that is signed after that wait. Thread-safe.

    No redirect is followed: `requests` would send the token along, because its header is not `Authorization`. No cookie
    is kept: a balancer's would tie all bots to one server, a session's would stand beside the token.
    Raises what `requests` raises, always with the request, and Fault for certificates that are not there.
    """

    def __init__(self, budget: BotBudget, authenticator: AuthBase, clock: ServerClock):
        super().__init__()
        self._budget, self._clock = budget, clock
        self.auth = self._sign = authenticator
        self.sent: Counter[str] = Counter()
        """Bot -> requests, every try counted. A bot's are sent by one thread."""
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for prefix in list(self.adapters):
            self.mount(prefix, HTTPAdapter(pool_maxsize=CONNECTIONS))

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        self._budget.acquire_call(request)
        self._sign(request)
        self.sent[bot_of(request)] += 1
        sent = time.time()
        try:
            response = super().send(request, **{**kwargs, "allow_redirects": False})
            self._clock.heard(response.headers.get("Date"), sent)
            return response
        except requests.RequestException as fault:
            fault.request = fault.request or request
            raise
        except LocationValueError:  # Of the address of a proxy; of the request's own, `requests` makes the same.
            raise requests.exceptions.InvalidURL(request=request) from None
        except OSError as error:
            raise Fault(without_a_file(error)) from None

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: `requests` would take a `Location` apart even where it is not to follow it, and raise on some."""


class BotRequester(HttpRequester):
    """The CDK's requester with a session of our own, and the clock that follows the answers' dates."""

    def __post_init__(self, parameters: Any) -> None:
        super().__post_init__(parameters)
        self.clock = ServerClock()
        # A check asks each bot once, and once more after a fault: it waits for no limit.
        budget = BotBudget(policies=[]) if parameters.get("is_check") else budget_of(self.config)
        self._session = BotSession(budget, self.get_authenticator(), self.clock)
        self._client = HttpClient(
            name=self.name,
            logger=self.logger,
            error_handler=self.error_handler,
            session=self._session,
            backoff_strategy=getattr(self.error_handler, "backoff_strategies", None),
            message_repository=self.message_repository,
            request_timeout=TIMEOUTS_OF_A_CHECK
            if parameters.get("is_check")
            else (self.connect_timeout_in_seconds, self.read_timeout_in_seconds),
        )

    def sent(self, bot_id: str) -> int:
        """How many requests about this bot were sent, every try counted."""
        return self._session.sent[bot_id]

    def send_request(
        self,
        stream_state: StreamState | None = None,
        stream_slice: StreamSlice | None = None,
        next_page_token: Mapping[str, Any] | None = None,
        path: str | None = None,
        request_headers: Mapping[str, Any] | None = None,
        request_params: Mapping[str, Any] | None = None,
        request_body_data: Mapping[str, Any] | str | None = None,
        request_body_json: Mapping[str, Any] | None = None,
        log_formatter: Callable[[requests.Response], Any] | None = None,
    ) -> requests.Response | None:
        """The answer to `request_body_json` from the bot of the slice; nothing else is looked at.

        Blocks until the answer's head has come, over waits and retries. Raises Fault. Thread-safe.
        """
        _, response = self._client.send_request(
            http_method=self.get_method().value,
            url=self.get_url(stream_slice=stream_slice),
            json=request_body_json,
            request_kwargs={"stream": True},
        )
        return response
