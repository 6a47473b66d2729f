"""Decides what each response means: rows, a retry, a wait, or an error for the user. The rules are in `manifest.yaml`.
A body that is not rows must never count as "no rows", and no message may contain a payload."""

import random
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.http.error_handlers import (
    BackoffStrategy,
    ErrorHandler,
    ErrorResolution,
    ResponseAction,
)
from airbyte_cdk.sources.types import Config

from source_kore_llm_logs.api import refusals
from source_kore_llm_logs.api.clock import ABSURD, seconds_until
from source_kore_llm_logs.api.refusals import Rule
from source_kore_llm_logs.errors import ConnectorError, ErrorCategory
from source_kore_llm_logs.manifest import named
from source_kore_llm_logs.reading.questions import SAMPLE
from source_kore_llm_logs.records.decoding import rows_in

MAX_TRIES = 7
MAX_TRIES_OF_A_LARGE_PAGE = 3  # Above the `limit` of the vendor's sample [D]; then a smaller page is asked for.
MAX_TRIES_OF_A_CHECK = 2  # Also of each further request for a bot that never answered.
MAX_PAUSE_OF_A_CHECK = 5.0  # Seconds before its second try, whatever the server asks for: somebody waits.
MAX_TIMEOUTS = 2
MAX_RATE_LIMIT_WAIT = 4 * 3600  # Seconds for one request: an hourly limit can take an hour to reset.
RATE_LIMIT_PAUSES = {"minute": 60.0, "hour": 300.0}  # The longest pause, in seconds, by the limit that was hit.


def rows_of(response: requests.Response) -> list[Any]:
    """The rows of a response that `KoreErrorHandler` accepted; none for 204. The body is decoded once. Raises as
    `rows_in` does."""
    if "rows" not in vars(response):
        vars(response)["rows"] = [] if response.status_code == 204 else rows_in(refusals.body_of(response))
    rows: list[Any] = vars(response)["rows"]
    return rows


def bot_of(request: requests.PreparedRequest) -> str:
    """The bot id in the path of a request."""
    parts = urlsplit(str(request.url)).path.split("/")
    return unquote(parts[parts.index("bot") + 1]) if "bot" in parts[:-1] else "?"


def attempts_of(request: Any) -> dict[str, float]:
    """The counters of a request, among them seconds `waited`; and the `pause` in seconds before its next try."""
    return vars(request).setdefault("attempts", defaultdict(int))  # type: ignore[no-any-return]


@dataclass
class KoreErrorHandler(ErrorHandler, BackoffStrategy):
    """Maps each response or connection error to an action, by the rules in `manifest.yaml`. Raises ConnectorError if no
    further try of the request can help. Thread-safe."""

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    refusals: list[Rule]
    connection_errors: list[Rule]
    backoff_strategies: list[BackoffStrategy] = field(default_factory=list)

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self.backoff_strategies = [self]
        self._is_check = bool(parameters.get("is_check"))
        self._answered: dict[str, bool] = {}  # By bot. True: it has answered. False: only failed so far.

    @property
    def max_retries(self) -> int:
        """More than this class allows itself: the CDK's own limit, in tries or seconds, must never apply."""
        return 10**6

    max_time = max_retries

    def backoff_time(
        self, response_or_exception: requests.Response | requests.RequestException | None, attempt_count: int
    ) -> float:
        """The seconds that `interpret_response` decided on."""
        return attempts_of(response_or_exception.request)["pause"] if response_or_exception is not None else 0.0

    def interpret_response(self, response: requests.Response | Exception | None) -> ErrorResolution:
        if not isinstance(response, requests.Response):
            return self._interpret_error(response, getattr(response, "request", None))
        try:
            response.content  # noqa: B018 (reads the body)
        except requests.exceptions.ConnectionError:  # `requests` raises it for a time-out within the body.
            return self._interpret_error(requests.exceptions.ReadTimeout(), response.request)
        except requests.RequestException as error:
            return self._interpret_error(error, response.request)
        return self._interpret(response, response.request)

    def _interpret(self, response: requests.Response, request: requests.PreparedRequest) -> ErrorResolution:
        status, is_json = response.status_code, True
        if status in (200, 204):
            try:
                rows_of(response)
                self._answered[bot_of(request)] = True
                return ErrorResolution(ResponseAction.SUCCESS)
            except TypeError:
                pass
            except (ValueError, RecursionError):
                is_json = False
        words = refusals.words_of(response, self.refusals)
        rule = refusals.rule_for(self.refusals, words, refusals.conditions(response, is_json), status)
        return self._decide(request, rule, words, response)

    def _interpret_error(self, error: Exception | None, request: requests.PreparedRequest | None) -> ErrorResolution:
        if request is None:
            what = f"No request can be made to this address ({type(error).__name__}). Check {named('host')}."
            raise ConnectorError(what)
        met = ["proxied"] if refusals.proxy_for(str(request.url)) else []
        rule = refusals.rule_for(self.connection_errors, str(error), met, error=error)
        return self._decide(request, rule, str(error))

    def _decide(
        self, request: requests.PreparedRequest, rule: Rule, words: str, response: requests.Response | None = None
    ) -> ErrorResolution:
        url, category = str(request.url), rule.get("category")
        what, others = (refusals.sentence(rule.get(key, ""), url, words, response) for key in ("message", "others"))
        pause = _retry_after(response) if response is not None else None
        if rule.get("action") == "RATE_LIMITED":
            return self._wait_for_rate_limit(request, words, pause, what)
        if rule.get("action") == "RETRY":
            return self._retry(request, rule, pause, what)
        kind = FailureType.transient_error if category == "page_size" else FailureType.config_error
        raise ConnectorError(what, kind, None if rule.get("of_host") else bot_of(request), others, category)

    def _retry(self, request: requests.PreparedRequest, rule: Rule, pause: float | None, what: str) -> ErrorResolution:
        """Retries after a pause. Raises ConnectorError after the last one, as `page_size` after `MAX_TIMEOUTS`."""
        category: ErrorCategory | None = rule.get("category", "server_error")
        attempts, most = attempts_of(request), MAX_TRIES
        bot = None if rule.get("of_host") else bot_of(request)
        attempts["failures"] += 1
        attempts["timeouts"] += category == "page_size"
        if "tries" in rule and not self._answered.get(bot_of(request)):
            most, category = rule["tries"], None  # The host is hardly Kore.ai: no smaller page is asked for.
        if self._is_check or self._answered.get(bot_of(request)) is False:
            most = MAX_TRIES_OF_A_CHECK
        elif int(orjson.loads(request.body or b"{}").get("limit", 0)) > SAMPLE:
            most = MAX_TRIES_OF_A_LARGE_PAGE
        is_too_large = attempts["timeouts"] >= MAX_TIMEOUTS
        if is_too_large or attempts["failures"] >= most:
            category = "page_size" if is_too_large else "server_error" if category == "page_size" else category
            self._answered.setdefault(bot_of(request), False)
            what = f"{what} Tried {attempts['failures']} times."
            raise ConnectorError(what, FailureType.transient_error, bot, category=category)
        pause = pause or min(60.0, 0.25 * 2.0 ** attempts["failures"]) * random.uniform(0.5, 1.5)
        attempts["pause"] = min(pause, MAX_PAUSE_OF_A_CHECK) if self._is_check else pause
        what = f"Bot {bot}: {what}" if bot else what
        return ErrorResolution(ResponseAction.RETRY, FailureType.transient_error, what)

    def _wait_for_rate_limit(
        self, request: requests.PreparedRequest, words: str, pause: float | None, what: str
    ) -> ErrorResolution:
        """Retries after a pause: as long as the server asks for, else first short and then longer, because a rolling
        limit frees requests one by one. Raises ConnectorError in a check, and after `MAX_RATE_LIMIT_WAIT`."""
        bot, attempts = bot_of(request), attempts_of(request)
        attempts["waits"] += 1
        most = RATE_LIMIT_PAUSES["hour" if "hour" in words.lower() else "minute"]
        attempts["pause"] = pause or min(most, 4.0 * 2.0 ** attempts["waits"]) * random.uniform(0.8, 1.0)
        attempts["waited"] += attempts["pause"]
        if attempts["waited"] > MAX_RATE_LIMIT_WAIT or self._is_check:
            raise ConnectorError(what, FailureType.transient_error, bot)  # No category: other requests fail alike.
        what = f"Bot {bot}: rate limit reached ({words or 'status 429'}), waiting."
        return ErrorResolution(ResponseAction.RATE_LIMITED, FailureType.transient_error, what)


def _retry_after(response: requests.Response) -> float | None:
    """The seconds of the header `Retry-After`, a number or a date, limited to between one second and an hour. None
    without the header, and if its date is absurd."""
    header = response.headers.get("Retry-After", "")
    seconds = float(header) if header.isdecimal() else seconds_until(header)
    return None if seconds is None or seconds > ABSURD else max(1.0, min(seconds, 3600.0))
