"""Whether an answer is rows, is asked for again, is waited for, or is a fault that a person has to mend.

A body that is not rows must never pass for "no rows". What a refusal is about: api/refusals.py. No message here, and no
log line that follows from one, holds a payload.
"""

import random
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
from urllib3.exceptions import ProtocolError

from source_kore_llm_logs.api import network, refusals
from source_kore_llm_logs.api.clock import seconds_until
from source_kore_llm_logs.api.refusals import Kind
from source_kore_llm_logs.errors import Fault, HostUnreachable, PageTooLarge, RetriesExhausted
from source_kore_llm_logs.manifest import named
from source_kore_llm_logs.reading.questions import SAMPLE
from source_kore_llm_logs.records.decoding import rows_in

CUT_OFF = "the answer was cut off in the middle."
MAX_TRIES = 7
MAX_TRIES_OF_A_LARGE_PAGE = 3
"""Of more rows than the vendor's sample asks for [D]: if it fails, a smaller one is asked for."""
MAX_TRIES_OF_A_FIRST_ANSWER = 3
"""If it is an HTML page, say, with status 200: the host is hardly Kore.ai, and no smaller page is asked for."""
MAX_TRIES_OF_A_CHECK = 2
MOST_SECONDS_OF_A_CHECK = 5.0
"""Before its second try, whatever the server says: somebody waits for the answer."""
MAX_TIMEOUTS = 2
MOST_SECONDS_OF_WAITS = 4 * 3600
"""For one request. An hourly limit can take an hour to free."""
RATE_WAIT_SECONDS = {"minute": 60.0, "hour": 300.0}
NOT_KORE = {501, 505}
"""A server that takes no POST, or speaks another HTTP: not the API, and not a fault that passes."""


def rows_of(response: requests.Response) -> list[Any]:
    """The rows of a page that passed `KoreErrorHandler`, decoded once; none, where there is no content (204). Raises as
    `rows_in` does."""
    if not hasattr(response, "rows"):
        response.rows = [] if response.status_code == 204 else rows_in(refusals.body_of(response))  # type: ignore[attr-defined]
    return response.rows  # type: ignore[attr-defined, no-any-return]


def bot_of(request: requests.PreparedRequest | requests.Request) -> str:
    """The bot that a request is about, from its path."""
    parts = urlsplit(str(request.url)).path.split("/")
    return unquote(parts[parts.index("bot") + 1]) if "bot" in parts[:-1] else "?"


@dataclass
class Attempts:
    """What one request has met so far; it stays with the request. Six waits and then a 503 are one fault."""

    faults: int = 0
    timeouts: int = 0
    waits: int = 0
    waited: float = 0.0
    pause: float = 0.0
    """Seconds before the next try."""


def _attempts_at(request: Any) -> Attempts:
    if not hasattr(request, "attempts"):
        request.attempts = Attempts()
    return request.attempts  # type: ignore[no-any-return]


@dataclass
class KoreErrorHandler(ErrorHandler, BackoffStrategy):
    """Decides on each answer. Thread-safe.

    Raises Fault where no further try of this request would help: RequestRefused, PageTooLarge, RetriesExhausted (a
    fault that lasts), HostUnreachable, or a plain Fault for what a person has to mend.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    backoff_strategies: list[BackoffStrategy] = field(default_factory=list)

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self.backoff_strategies = [self]
        self._is_check = bool(parameters.get("is_check"))
        self._answered: set[str] = set()
        """Bots that gave rows, or none; each is asked by one thread."""

    @property
    def max_retries(self) -> int:
        """Above our own counts, which end in a sentence of ours. `max_time`, in seconds, for the same reason."""
        return 10**6

    max_time = max_retries

    def backoff_time(
        self, response_or_exception: requests.Response | requests.RequestException | None, attempt_count: int
    ) -> float:
        """Seconds to wait, as `interpret_response` decided; `attempt_count` mixes waits with faults."""
        return _attempts_at(response_or_exception.request).pause if response_or_exception is not None else 0.0

    def interpret_response(self, response: requests.Response | Exception | None) -> ErrorResolution:
        if not isinstance(response, requests.Response):
            return self._interpret_fault(response)
        try:
            response.content  # noqa: B018 (reads the answer)
        except requests.exceptions.ConnectionError:  # What `requests` makes of a time-out in the middle.
            return self._interpret_fault(requests.exceptions.ReadTimeout(request=response.request))
        except requests.RequestException:
            return self._again(response.request, CUT_OFF)
        return self._interpret(response)

    def _interpret(self, response: requests.Response) -> ErrorResolution:
        status, request, is_json = response.status_code, response.request, True
        if status in (200, 204):
            try:
                rows_of(response)
                self._answered.add(bot_of(request))
                return ErrorResolution(ResponseAction.SUCCESS)
            except TypeError:
                pass
            except (ValueError, RecursionError):
                is_json = False
        words = refusals.words_of(response)
        kind = refusals.kind_of(response, words)
        if kind is Kind.RATE_LIMIT:
            return self._wait(response, words)
        if kind is Kind.REPLAY:
            what = f"the token was rejected as one that was used before. The API said: {words}. Each request carries a "
            return self._again(request, f"{what}new one: look for a proxy that sends requests twice.")
        if status == 200 and kind is None:
            return self._not_rows(response, words, is_json)
        if status in (408, 425) or (status >= 500 and status not in NOT_KORE):
            what = f"the API answered with status {status}" + (f": {words}." if words else ".")
            return self._again(request, what, is_timeout=status == 504, pause=_retry_after(response))
        raise refusals.refused(response, bot_of(request), words, kind)

    def _not_rows(self, response: requests.Response, words: str, is_json: bool) -> ErrorResolution:
        request = response.request
        if not is_json and refusals.begins_with(response, b"[", b"{", refusals.GZIP[:1]):
            return self._again(request, CUT_OFF)
        if not words and refusals.looks_encrypted(response):
            what = (
                "the API answered with a JSON object or a cipher text instead of an array of rows. If the app enforces "
                "encrypted payloads, turn that off for this app in Kore.ai."
            )
            raise Fault(what, bot_id=bot_of(request))
        what = f"the API answered with {refusals.not_rows(response, words)}."
        if words or not response.content.strip() or bot_of(request) in self._answered:
            return self._again(request, what)
        return self._again(request, what, Fault, most=MAX_TRIES_OF_A_FIRST_ANSWER)

    def _interpret_fault(self, fault: Exception | None) -> ErrorResolution:
        request = getattr(fault, "request", None)
        if fault is None or request is None:
            raise Fault(f"No request can be made to this address ({type(fault).__name__}). Check {named('host')}.")
        url, host = str(request.url), urlsplit(str(request.url)).netloc
        if (mistake := network.mistake(fault, url)) is not None:
            raise Fault(mistake)
        if isinstance(fault, requests.exceptions.SSLError):
            return self._again(request, f"No secure connection to {host}. {network.check_tls()}", HostUnreachable)
        if isinstance(fault, requests.exceptions.ReadTimeout):
            return self._again(request, f"{host} did not answer in time.", is_timeout=True)
        if isinstance(next(iter(fault.args), None), ProtocolError):
            return self._again(request, f"{host} broke off the connection before it answered.")
        if isinstance(fault, requests.exceptions.ConnectionError):
            return self._again(request, network.unreachable(fault, url), HostUnreachable)
        return self._again(request, f"the connection to {host} failed ({type(fault).__name__}).")

    def _again(
        self,
        request: requests.PreparedRequest,
        what: str,
        at_last: type[Fault] = RetriesExhausted,
        is_timeout: bool = False,
        pause: float | None = None,
        most: int = MAX_TRIES,
    ) -> ErrorResolution:
        """Another try, of `most`; `what` is the fault in words. Raises `at_last` after the last."""
        bot = None if at_last is HostUnreachable else bot_of(request)
        attempts = _attempts_at(request)
        attempts.faults += 1
        attempts.timeouts += is_timeout
        if self._is_check:
            most = MAX_TRIES_OF_A_CHECK
        elif int(orjson.loads(request.body or b"{}").get("limit", 0)) > SAMPLE:
            most = MAX_TRIES_OF_A_LARGE_PAGE
        is_too_large = attempts.timeouts >= MAX_TIMEOUTS
        if is_too_large or attempts.faults >= most:
            what = f"{what} Tried {attempts.faults} times."
            raise (PageTooLarge if is_too_large else at_last)(what, FailureType.transient_error, bot)
        pause = pause or min(60.0, 0.25 * 2.0**attempts.faults) * random.uniform(0.5, 1.5)
        attempts.pause = min(pause, MOST_SECONDS_OF_A_CHECK) if self._is_check else pause
        what = f"Bot {bot}: {what}" if bot else what
        return ErrorResolution(ResponseAction.RETRY, FailureType.transient_error, what)

    def _wait(self, response: requests.Response, words: str) -> ErrorResolution:
        """Until the limit is free again, which frees little by little: short waits first cost nothing."""
        bot, attempts = bot_of(response.request), _attempts_at(response.request)
        attempts.waits += 1
        most = RATE_WAIT_SECONDS["hour" if "hour" in words.lower() else "minute"]
        wait = min(most, 4.0 * 2.0**attempts.waits) * random.uniform(0.8, 1.0)
        attempts.pause = _retry_after(response) or wait
        attempts.waited += attempts.pause
        if attempts.waited > MOST_SECONDS_OF_WAITS or self._is_check:
            what = (
                f"the API's rate limit is used up by other requests. Wait a minute, and lower "
                f"{named('requests_per_minute')} if other programs use the same bot."
            )
            raise Fault(what, FailureType.transient_error, bot)  # No other request of the bot would be answered.
        what = f"Bot {bot}: rate limit reached ({words or 'status 429'}), waiting."
        return ErrorResolution(ResponseAction.RATE_LIMITED, FailureType.transient_error, what)


def _retry_after(response: requests.Response) -> float | None:
    """Seconds, from one to an hour, that the server asks to be left alone: the header holds them, or a date. None if
    it does not say."""
    header = response.headers.get("Retry-After", "")
    seconds = float(header) if header.isdecimal() else seconds_until(header)
    return None if seconds is None else max(1.0, min(seconds, 3600.0))
