"""What each answer of the API means to a person, and whether to ask again.

The vendor answers 401 for different things and tells them apart only in the text (`msg`) [I]; a limit is refused by
status 429 or by its text under any status; and a body that is not rows must never pass for "no rows". No message here,
and no log line that follows from one, holds a payload.
"""

import random
import time
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

from source_kore_llm_logs.api import network
from source_kore_llm_logs.api.refusals import looks_encrypted, not_rows, refused, seconds_of
from source_kore_llm_logs.api.vendor_words import GZIP, Refusal, begins_with, body_of, kind_of, words_of
from source_kore_llm_logs.errors import Fault, HostUnreachable, PageTooLarge, RetriesExhausted
from source_kore_llm_logs.manifest import named
from source_kore_llm_logs.reading.questions import SAMPLE
from source_kore_llm_logs.records.decoding import rows_in

CUT_OFF = "the answer was cut off in the middle."
MAX_TRIES = 7
MAX_TRIES_OF_A_LARGE_PAGE = 3
"""Of more rows than the vendor's sample asks for [D]: if it fails, a smaller one is asked for."""
MAX_TRIES_BEFORE_ANY_ANSWER = 2
"""Of each further request about a bot that was never answered, once all tries of one have failed: smaller pages are
asked for, and the waits of seven tries of each would add up to minutes."""
MAX_TRIES_OF_A_FIRST_ANSWER_OF_ANOTHER = 3
"""An HTML page, say, with status 200, before the bot was ever answered: the host is hardly Kore.ai. No smaller page is
asked for."""
MAX_TRIES_OF_A_CHECK = 2
MOST_SECONDS_OF_A_CHECK = 5.0
"""Before its second try, whatever the server says: somebody waits for the answer."""
MAX_TIMEOUTS = 2
MAX_REPLAYS = 3
MAX_RATE_WAITS = 100
MOST_SECONDS_OF_WAITS = 4 * 3600
"""For one request. An hourly limit can take an hour to free."""
RATE_WAIT_SECONDS = {"minute": 60.0, "hour": 300.0}
SUCCESS = ErrorResolution(ResponseAction.SUCCESS)
NOT_KORE = {501, 505}
"""A server that takes no POST, or speaks another HTTP: not the API, and not a fault that passes."""


def rows_of(response: requests.Response) -> list[Any]:
    """The rows of a page that passed `KoreErrorHandler`, decoded once; none, where there is no content (204). Raises as
    `rows_in` does."""
    if not hasattr(response, "rows"):
        rows = [] if response.status_code == 204 else rows_in(body_of(response))
        response.rows = rows  # type: ignore[attr-defined]
    return response.rows  # type: ignore[attr-defined, no-any-return]


def bot_of(request: requests.PreparedRequest | requests.Request | None) -> str:
    """The bot that a request is about, from its path."""
    parts = urlsplit(str(request.url)).path.split("/") if request is not None else []
    return unquote(parts[parts.index("bot") + 1]) if "bot" in parts[:-1] else "?"


@dataclass
class Attempts:
    """What one request has met so far; it stays with the request. Each has a count of its own: six waits and then a 503
    are one fault."""

    faults: int = 0
    timeouts: int = 0
    replays: int = 0
    waits: int = 0
    since: float = field(default_factory=time.monotonic)
    pause: float = 0.0
    """Seconds before the next try."""


def _attempts_at(request: Any) -> Attempts:
    if not hasattr(request, "attempts"):
        request.attempts = Attempts()
    return request.attempts  # type: ignore[no-any-return]


@dataclass
class KoreErrorHandler(ErrorHandler, BackoffStrategy):
    """Decides on each answer: rows, wait, ask again, or one sentence that says what to do. Thread-safe.

    Raises Fault where no further try of this request would help: RequestRefused, PageTooLarge, RetriesExhausted (a
    fault that lasts), HostUnreachable, or a plain Fault for what a person has to mend.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    backoff_strategies: list[BackoffStrategy] = field(default_factory=list)

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self.backoff_strategies = [self]
        self._is_check = bool(parameters.get("is_check"))
        # A bot is asked by one thread. How many tries failed of each that was not answered yet.
        self._answered: set[str] = set()
        self._failed: dict[str, int] = {}

    @property
    def max_retries(self) -> int:
        """Above our own counts, which end in a sentence of ours."""
        return MAX_RATE_WAITS + MAX_TRIES + MAX_REPLAYS

    @property
    def max_time(self) -> int:
        """Seconds; above our own, for the same reason."""
        return 3 * MOST_SECONDS_OF_WAITS

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
        status, is_json = response.status_code, True
        if status in (200, 204):
            try:
                rows_of(response)
                self._answered.add(bot_of(response.request))
                self._failed.pop(bot_of(response.request), None)
                return SUCCESS
            except TypeError:
                pass
            except (ValueError, RecursionError):
                is_json = False
        words = words_of(response)
        kind = kind_of(words)
        if status == 429 or kind is Refusal.RATE_LIMIT:
            return self._wait(response, words)
        if status in (401, 403) and kind is Refusal.REPLAY:
            return self._with_a_fresh_token(response, words)
        if status == 200 and kind in (None, Refusal.RATE_LIMIT, Refusal.REPLAY):
            return self._not_rows(response, words, is_json)
        if status in (408, 425) or (status >= 500 and status not in NOT_KORE):
            said = f": {words}" if words else ""
            message = f"the API answered with status {status}{said}."
            return self._again(response.request, message, timed_out=status == 504, retry_after=_retry_after(response))
        self._failed.pop(bot_of(response.request), None)
        raise refused(response, bot_of(response.request), words, kind)

    def _not_rows(self, response: requests.Response, words: str, is_json: bool) -> ErrorResolution:
        if not is_json and begins_with(response, b"[", b"{", GZIP[:1]):
            return self._again(response.request, CUT_OFF)
        if not words and looks_encrypted(response):
            raise Fault(
                "the API answered with a JSON object or a cipher text instead of an array of rows. If the app enforces "
                "encrypted payloads, turn that off for this app in Kore.ai.",
                bot_id=bot_of(response.request),
            )
        what = f"the API answered with {not_rows(response, words)}."
        if words or not response.content.strip() or bot_of(response.request) in self._answered:
            return self._again(response.request, what)
        return self._again(response.request, what, Fault, most=MAX_TRIES_OF_A_FIRST_ANSWER_OF_ANOTHER)

    def _interpret_fault(self, fault: Exception | None) -> ErrorResolution:
        request = getattr(fault, "request", None)
        if request is None:
            raise Fault(f"No request can be made to this address ({type(fault).__name__}). Check {named('host')}.")
        host, proxy = urlsplit(str(request.url)).netloc, network.proxy_for(str(request.url))
        mistake = network.proxy_mistake(fault, proxy)
        if mistake:
            raise Fault(mistake)
        if isinstance(fault, requests.exceptions.SSLError):
            given = network.bundle()
            check = f"Check {named('host')} and the server's certificate" + (f" against {given}." if given else ".")
            if "CERTIFICATE_VERIFY_FAILED" in str(fault):
                raise Fault(f"No secure connection to {host}: its certificate is not trusted here. {check}")
            return self._again(request, f"No secure connection to {host}. {check}", HostUnreachable)
        if isinstance(fault, requests.exceptions.ReadTimeout):
            return self._again(request, f"{host} did not answer in time.", timed_out=True)
        if isinstance(fault, requests.exceptions.ConnectionError):
            if isinstance(next(iter(fault.args), None), ProtocolError):
                return self._again(request, f"{host} broke off the connection before it answered.")
            return self._again(request, network.unreachable(host, fault, proxy, named("host")), HostUnreachable)
        return self._again(request, f"the connection to {host} failed ({type(fault).__name__}).")

    def _again(
        self,
        request: Any,
        what: str,
        at_last: type[Fault] = RetriesExhausted,
        timed_out: bool = False,
        retry_after: float | None = None,
        most: int = MAX_TRIES,
    ) -> ErrorResolution:
        """Another try, of `most`; `what` is the fault in words. Raises `at_last` after the last."""
        bot = None if at_last is HostUnreachable else bot_of(request)
        attempts, max_tries = _attempts_at(request), min(most, self._max_tries(request))
        attempts.faults += 1
        attempts.timeouts += timed_out
        if attempts.timeouts >= MAX_TIMEOUTS:
            raise PageTooLarge(f"{what} Tried {attempts.faults} times.", FailureType.transient_error, bot)
        if attempts.faults >= max_tries:
            tried = attempts.faults + self._failed.get(bot_of(request), 0)
            if bot_of(request) not in self._answered:
                self._failed[bot_of(request)] = tried
            raise at_last(f"{what} Tried {tried} times.", FailureType.transient_error, bot)
        pause = retry_after or min(60.0, 0.25 * 2.0**attempts.faults) * random.uniform(0.5, 1.5)
        attempts.pause = min(pause, MOST_SECONDS_OF_A_CHECK) if self._is_check else pause
        return _retry(what, bot)

    def _max_tries(self, request: Any) -> int:
        if self._is_check:
            return MAX_TRIES_OF_A_CHECK
        if bot_of(request) in self._failed:
            return MAX_TRIES_BEFORE_ANY_ANSWER
        limit = int(orjson.loads(request.body or b"{}").get("limit", 0))
        return MAX_TRIES_OF_A_LARGE_PAGE if limit > SAMPLE else MAX_TRIES

    def _with_a_fresh_token(self, response: requests.Response, words: str) -> ErrorResolution:
        bot, attempts = bot_of(response.request), _attempts_at(response.request)
        attempts.replays += 1
        what = f"the token was rejected as one that was used before. The API said: {words}."
        if attempts.replays > MAX_REPLAYS:
            what += " Each request carries a new one: look for a proxy that sends requests twice."
            raise RetriesExhausted(what, FailureType.transient_error, bot)
        attempts.pause = 0.25 * attempts.replays
        return _retry(what, bot)

    def _wait(self, response: requests.Response, words: str) -> ErrorResolution:
        bot, attempts = bot_of(response.request), _attempts_at(response.request)
        attempts.waits += 1
        waited = time.monotonic() - attempts.since
        if attempts.waits > MAX_RATE_WAITS or waited > MOST_SECONDS_OF_WAITS or self._is_check:
            raise Fault(  # No other request of the bot would be answered.
                f"the API's rate limit is used up by other requests. Wait a minute, and lower "
                f"{named('requests_per_minute')} if other programs use the same bot.",
                FailureType.transient_error,
                bot,
            )
        base = RATE_WAIT_SECONDS["hour" if "hour" in words.lower() else "minute"]
        # The window frees little by little: short waits first cost nothing.
        wait = min(base, 4.0 * 2.0**attempts.waits) * random.uniform(0.8, 1.0)
        attempts.pause = _retry_after(response) or wait
        return _retry(f"rate limit reached ({words or 'status 429'}), waiting.", bot, ResponseAction.RATE_LIMITED)


def _retry(what: str, bot: str | None, action: ResponseAction = ResponseAction.RETRY) -> ErrorResolution:
    return ErrorResolution(action, FailureType.transient_error, f"Bot {bot}: {what}" if bot else what)


def _retry_after(response: requests.Response) -> float | None:
    """Seconds, from a tenth to an hour, that the server asks to be left alone; None if it does not say."""
    after = seconds_of(response.headers.get("Retry-After", ""))
    return None if after is None else max(0.1, min(after, 3600.0))
