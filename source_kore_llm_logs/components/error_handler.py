"""Whether an answer is rows, is asked for again, is waited for, or is a fault that a person has to mend: by the tables
in `manifest.yaml`. A body that is not rows must never pass for "no rows". No message here holds a payload."""

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
from source_kore_llm_logs.errors import About, Fault
from source_kore_llm_logs.manifest import named
from source_kore_llm_logs.reading.questions import SAMPLE
from source_kore_llm_logs.records.decoding import rows_in

MAX_TRIES = 7
MAX_TRIES_OF_A_LARGE_PAGE = 3  # Of more rows than the vendor's sample asks for [D]: a smaller one is asked for then.
MAX_TRIES_OF_A_CHECK = 2  # And of further requests of a bot that never answered.
MOST_SECONDS_OF_A_CHECK = 5.0  # Before its second try, whatever the server says: somebody waits for the answer.
MAX_TIMEOUTS = 2
MOST_SECONDS_OF_WAITS = 4 * 3600  # For one request. An hourly limit can take an hour to free.
RATE_WAIT_SECONDS = {"minute": 60.0, "hour": 300.0}


def rows_of(response: requests.Response) -> list[Any]:
    """The rows of a page that passed `KoreErrorHandler`, decoded once; none, where there is no content (204). Raises as
    `rows_in` does."""
    if "rows" not in vars(response):
        vars(response)["rows"] = [] if response.status_code == 204 else rows_in(refusals.body_of(response))
    rows: list[Any] = vars(response)["rows"]
    return rows


def bot_of(request: requests.PreparedRequest) -> str:
    """The bot that a request is about, from its path."""
    parts = urlsplit(str(request.url)).path.split("/")
    return unquote(parts[parts.index("bot") + 1]) if "bot" in parts[:-1] else "?"


def attempts_at(request: Any) -> dict[str, float]:
    """What a request has met: `faults`, `timeouts`, `waits`, seconds `waited`; and the `pause` before its next try."""
    return vars(request).setdefault("attempts", defaultdict(int))  # type: ignore[no-any-return]


@dataclass
class KoreErrorHandler(ErrorHandler, BackoffStrategy):
    """Decides on each answer, by the tables in `manifest.yaml`. Raises Fault where no further try of the request would
    help. Thread-safe."""

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    refusals: list[Rule]
    connection_faults: list[Rule]
    backoff_strategies: list[BackoffStrategy] = field(default_factory=list)

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self.backoff_strategies = [self]
        self._is_check = bool(parameters.get("is_check"))
        self._answered: dict[str, bool] = {}  # Of a bot: ever. False: all tries of a request failed before.

    @property
    def max_retries(self) -> int:
        """Above our own counts, which end in a sentence of ours; as seconds, too."""
        return 10**6

    max_time = max_retries

    def backoff_time(
        self, response_or_exception: requests.Response | requests.RequestException | None, attempt_count: int
    ) -> float:
        """Seconds to wait, as `interpret_response` decided."""
        return attempts_at(response_or_exception.request)["pause"] if response_or_exception is not None else 0.0

    def interpret_response(self, response: requests.Response | Exception | None) -> ErrorResolution:
        if not isinstance(response, requests.Response):
            return self._interpret_fault(response, getattr(response, "request", None))
        try:
            response.content  # noqa: B018 (reads the answer)
        except requests.exceptions.ConnectionError:  # What `requests` makes of a time-out in the middle.
            return self._interpret_fault(requests.exceptions.ReadTimeout(), response.request)
        except requests.RequestException as fault:
            return self._interpret_fault(fault, response.request)
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

    def _interpret_fault(self, fault: Exception | None, request: requests.PreparedRequest | None) -> ErrorResolution:
        if request is None:
            raise Fault(f"No request can be made to this address ({type(fault).__name__}). Check {named('host')}.")
        met = ["proxied"] if refusals.proxy_for(str(request.url)) else []
        rule = refusals.rule_for(self.connection_faults, str(fault), met, error=fault)
        return self._decide(request, rule, str(fault))

    def _decide(
        self, request: requests.PreparedRequest, rule: Rule, words: str, response: requests.Response | None = None
    ) -> ErrorResolution:
        url, about = str(request.url), rule.get("about")
        what, others = (refusals.sentence(rule.get(key, ""), url, words, response) for key in ("message", "others"))
        pause = _retry_after(response) if response is not None else None
        if rule.get("action") == "RATE_LIMITED":
            return self._wait(request, words, pause, what)
        if rule.get("action") == "RETRY":
            return self._again(request, rule, pause, what)
        kind = FailureType.transient_error if about == "page_size" else FailureType.config_error
        raise Fault(what, kind, None if rule.get("of_host") else bot_of(request), others, about)

    def _again(self, request: requests.PreparedRequest, rule: Rule, pause: float | None, what: str) -> ErrorResolution:
        """Another try. Raises Fault after the last; after two time-outs it is about the page's size."""
        about: About | None = rule.get("about", "fault")
        attempts, most = attempts_at(request), MAX_TRIES
        bot = None if rule.get("of_host") else bot_of(request)
        attempts["faults"] += 1
        attempts["timeouts"] += about == "page_size"
        if "tries" in rule and not self._answered.get(bot_of(request)):
            most, about = rule["tries"], None  # The host is hardly Kore.ai: no smaller page is asked for.
        if self._is_check or self._answered.get(bot_of(request)) is False:
            most = MAX_TRIES_OF_A_CHECK
        elif int(orjson.loads(request.body or b"{}").get("limit", 0)) > SAMPLE:
            most = MAX_TRIES_OF_A_LARGE_PAGE
        is_too_large = attempts["timeouts"] >= MAX_TIMEOUTS
        if is_too_large or attempts["faults"] >= most:
            about = "page_size" if is_too_large else "fault" if about == "page_size" else about
            self._answered.setdefault(bot_of(request), False)
            what = f"{what} Tried {attempts['faults']} times."
            raise Fault(what, FailureType.transient_error, bot, about=about)
        pause = pause or min(60.0, 0.25 * 2.0 ** attempts["faults"]) * random.uniform(0.5, 1.5)
        attempts["pause"] = min(pause, MOST_SECONDS_OF_A_CHECK) if self._is_check else pause
        what = f"Bot {bot}: {what}" if bot else what
        return ErrorResolution(ResponseAction.RETRY, FailureType.transient_error, what)

    def _wait(
        self, request: requests.PreparedRequest, words: str, pause: float | None, at_last: str
    ) -> ErrorResolution:
        """Until the limit is free again, which frees little by little: short waits first cost nothing."""
        bot, attempts = bot_of(request), attempts_at(request)
        attempts["waits"] += 1
        most = RATE_WAIT_SECONDS["hour" if "hour" in words.lower() else "minute"]
        attempts["pause"] = pause or min(most, 4.0 * 2.0 ** attempts["waits"]) * random.uniform(0.8, 1.0)
        attempts["waited"] += attempts["pause"]
        if attempts["waited"] > MOST_SECONDS_OF_WAITS or self._is_check:
            raise Fault(at_last, FailureType.transient_error, bot)  # No other request of the bot would be answered.
        what = f"Bot {bot}: rate limit reached ({words or 'status 429'}), waiting."
        return ErrorResolution(ResponseAction.RATE_LIMITED, FailureType.transient_error, what)


def _retry_after(response: requests.Response) -> float | None:
    """Seconds, from one to an hour, that the server asks to be left alone: the header holds them, or a date. None if
    it does not say, or names a moment that is absurd."""
    header = response.headers.get("Retry-After", "")
    seconds = float(header) if header.isdecimal() else seconds_until(header)
    return None if seconds is None or seconds > ABSURD else max(1.0, min(seconds, 3600.0))
