"""What each answer of the API means to a person, and whether to ask again.

The vendor answers 401 for three different things and tells them apart only in the text (`msg`) [I]; a limit is
refused by status 429 or by its text under any status; and a body that is not a JSON array must never pass for
"no rows". No message here, and no log line that follows from one, holds a payload.
"""

import json
import random
import re
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any
from urllib.parse import unquote, urlsplit
from weakref import WeakKeyDictionary

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

from source_kore_llm_logs.errors import Fault, HostUnreachable, PageTooLarge, RequestRefused, RetriesExhausted
from source_kore_llm_logs.runtime.sync_report import current_report

CUT_OFF = "the answer was cut off in the middle."
MAX_TRIES = 7
TRIES_BEFORE_A_SMALLER_PAGE = 3
MAX_RATE_WAITS = 100
RATE_WAIT_SECONDS = {"minute": 60.0, "hour": 300.0}
RATE_TEXT = re.compile(r"exceeded the per-(minute|hour)|(hour)ly rate limit|rate limit for this api", re.I)
JSON_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.S)
DEEPEST_PARSED = 200
SUCCESS = ErrorResolution(ResponseAction.SUCCESS)


_rows: WeakKeyDictionary[requests.Response, list[Any]] = WeakKeyDictionary()


def rows_of(response: requests.Response) -> list[Any]:
    """The rows of a page that passed `KoreErrorHandler`, decoded once.

    `orjson` is strict where the log of a language model need not be (NaN, lone surrogates, deep nesting), so
    what it refuses is read again by the standard library; what lies too deep for that one, as JSON text.

    Raises ValueError if the body is not JSON, TypeError if it is not an array.
    """
    rows = _rows.get(response)
    if rows is None:
        try:
            rows = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            try:
                rows = json.loads(response.content)
            except RecursionError:
                rows = json.loads(flattened(response.content.decode("utf-8", "replace")))
        if not isinstance(rows, list):
            raise TypeError(type(rows).__name__)
        _rows[response] = rows
    return rows


def flattened(body: str) -> str:
    """The same JSON, in which what lies deeper than `DEEPEST_PARSED` levels is the text of itself."""
    depth, after, begins, pieces = 0, 0, 0, []
    for token in JSON_STRING_OR_BRACKET.finditer(body):
        if token[0] in "[{":
            depth += 1
            if depth == DEEPEST_PARSED + 1:
                begins = token.start()
        elif token[0] in "]}":
            depth -= 1
            if depth == DEEPEST_PARSED:
                pieces += [body[after:begins], json.dumps(body[begins : token.end()])]
                after = token.end()
    return "".join([*pieces, body[after:]])


def bot_of(request: requests.PreparedRequest | requests.Request | None) -> str:
    """The bot that a request is about, from its path."""
    parts = urlsplit(str(request.url)).path.split("/") if request is not None else []
    return unquote(parts[parts.index("bot") + 1]) if "bot" in parts[:-1] else "?"


def words_of(response: requests.Response) -> str:
    """The vendor's own words in an error envelope (`{"errors": [{"msg": …}]}`) [I]; never a payload."""
    try:
        body = orjson.loads(response.content[:100_000])
    except orjson.JSONDecodeError:
        return ""
    errors = body.get("errors") if isinstance(body, dict) else None
    if isinstance(errors, dict):
        errors = [errors]
    if isinstance(errors, list):
        found = [str(e.get("msg") or e.get("message") or "") if isinstance(e, dict) else str(e) for e in errors]
        return "; ".join(filter(None, found))[:500]
    if isinstance(body, dict):
        return str(body.get("msg") or body.get("message") or body.get("error") or "")[:500]
    return ""


@dataclass
class KoreErrorHandler(ErrorHandler):
    """Decides on each answer: rows, wait, ask again, or one sentence that says what to do."""

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    backoff_strategies: list[BackoffStrategy] = field(default_factory=list)

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self.backoff_strategies = [KoreBackoff()]
        self._tries: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        self._lock = Lock()
        self._backpressure = current_report().backpressure
        self._max_tries = 2 if self.config.get("__checking") else MAX_TRIES

    @property
    def max_retries(self) -> int:
        """Above our own counts, which end in a sentence of ours."""
        return MAX_RATE_WAITS + MAX_TRIES

    @property
    def max_time(self) -> int:
        """Seconds. An hourly limit can take an hour to free."""
        return 4 * 3600

    def interpret_response(self, response: requests.Response | Exception | None) -> ErrorResolution:
        if not isinstance(response, requests.Response):
            return self._interpret_fault(response)
        self._backpressure.count(response)
        try:
            response.content  # noqa: B018 (reads the answer)
        except requests.exceptions.ConnectionError:  # What `requests` makes of a time-out in the middle.
            resolution = self._interpret_fault(requests.exceptions.ReadTimeout(request=response.request))
        except requests.RequestException:
            resolution = self._again(response.request, f"Bot {bot_of(response.request)}: {CUT_OFF}")
        else:
            resolution = self._interpret(response)
        if resolution is not SUCCESS:
            self._backpressure.release()  # Whoever waits to ask again keeps no room.
        return resolution

    def _interpret(self, response: requests.Response) -> ErrorResolution:
        bot, status = bot_of(response.request), response.status_code
        if status == 200 and response.content.lstrip()[:1] == b"[":
            try:
                rows_of(response)
            except (ValueError, RecursionError):
                return self._again(response.request, f"Bot {bot}: {CUT_OFF}")
            return SUCCESS
        words = words_of(response)
        if status == 429 or RATE_TEXT.search(words):
            return self._wait(response.request, bot, words)
        if status == 200:
            self._refuse_body(response, bot, words)
        if status in (408, 500, 502, 503, 504) or status >= 520:
            return self._again(
                response.request, f"Bot {bot}: the API answered with status {status}.", page=status == 504
            )
        if status == 413:
            raise PageTooLarge(
                message=f"Bot {bot}: the API refuses even the smallest page as too large (413).",
                failure_type=FailureType.transient_error,
            )
        if status == 401 or status == 403:
            self._refuse_sign_in(bot, status, words)
        if status in (400, 412, 416, 422):
            raise RequestRefused(bot, status, words or "no reason given")
        raise Fault(
            message=f"Bot {bot}: the API answered with status {status}"
            + (f": {words}." if words else ".")
            + " Check `host`: it must be the address of your Kore.ai platform.",
            failure_type=FailureType.config_error,
        )

    def _refuse_body(self, response: requests.Response, bot: str, words: str) -> None:
        start = response.content.lstrip()[:1]
        if words:
            what = f"an error instead of rows: {words}"
        elif start == b"{":
            what = (
                "a JSON object instead of an array of rows. If the app enforces encrypted payloads, turn that "
                "off for this app in Kore.ai"
            )
        elif start == b"<":
            what = "an HTML page instead of rows. Check `host`: it must be the address of the platform itself"
        else:
            what = "something that is not a JSON array of rows. Check `host`"
        raise Fault(message=f"Bot {bot}: the API answered with {what}.", failure_type=FailureType.config_error)

    def _refuse_sign_in(self, bot: str, status: int, words: str) -> None:
        said = words.lower()
        if "scope" in said or "permission" in said or status == 403:
            what = (
                "the app lacks the scope. In Kore.ai give it 'Fetch Gen AI and LLM Usage Logs' (bot app) or "
                "'Gen AI and LLM Usage Logs' (admin console app), and publish the app"
            )
        elif "jwt" in said or "token" in said:
            what = (
                "the token was rejected as malformed. Check `jwt_algorithm` (it must be the one chosen in the "
                "app), `client_id` and `client_secret`"
            )
        else:
            what = (
                "wrong credentials or a wrong bot id. Check `client_id` and `client_secret` (the app's page in "
                "Kore.ai), `bot_ids` (General Settings of the bot), and that the app serves this bot"
            )
        raise Fault(
            message=f"Bot {bot}: {what}. The API said: {words or 'nothing'} ({status}).",
            failure_type=FailureType.config_error,
        )

    def _interpret_fault(self, fault: Exception | None) -> ErrorResolution:
        request = getattr(fault, "request", None)
        if request is None:
            raise Fault(f"No request can be made to this address ({type(fault).__name__}). Check `host`.")
        bot, host = bot_of(request), urlsplit(str(getattr(request, "url", ""))).netloc
        if isinstance(fault, requests.exceptions.SSLError):
            raise Fault(
                message=f"Bot {bot}: no secure connection to {host}. Check `host` and the server's certificate.",
                failure_type=FailureType.config_error,
            )
        if isinstance(fault, requests.exceptions.ReadTimeout):
            return self._again(request, f"Bot {bot}: {host} did not answer in time.", page=True)
        if isinstance(fault, requests.exceptions.ConnectionError):
            return self._again(
                request,
                f"The connector cannot reach {host}. Check `host`, and that this machine may connect to it.",
                HostUnreachable,
            )
        return self._again(request, f"Bot {bot}: the connection to {host} failed ({type(fault).__name__}).")

    def _count(self, request: Any) -> int:
        with self._lock:
            tries = self._tries.get(request, 0) + 1
            self._tries[request] = tries
            return tries

    def _again(
        self, request: Any, message: str, at_last: type[RetriesExhausted] = RetriesExhausted, page: bool = False
    ) -> ErrorResolution:
        tries = self._count(request)
        if page and tries >= TRIES_BEFORE_A_SMALLER_PAGE:
            raise PageTooLarge(message=message, failure_type=FailureType.transient_error)
        if tries >= self._max_tries:
            raise at_last(
                message=f"{message} Tried {tries} times.",
                failure_type=FailureType.transient_error,
            )
        return ErrorResolution(ResponseAction.RETRY, FailureType.transient_error, message)

    def _wait(self, request: Any, bot: str, words: str) -> ErrorResolution:
        if self._count(request) > MAX_RATE_WAITS or self.config.get("__checking"):
            raise RetriesExhausted(
                message=f"Bot {bot}: the API's rate limit is used up by other requests. Wait a minute, and lower "
                "`requests_per_minute` if other programs use the same bot.",
                failure_type=FailureType.transient_error,
            )
        return ErrorResolution(
            ResponseAction.RATE_LIMITED,
            FailureType.transient_error,
            f"Bot {bot}: rate limit reached ({words or 'status 429'}), waiting.",
        )


def seconds_of(retry_after: str) -> float | None:
    """Seconds from now: the header holds them, or a date (RFC 9110)."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return (parsedate_to_datetime(retry_after) - datetime.now(timezone.utc)).total_seconds()
    except (TypeError, ValueError):
        return None


class KoreBackoff(BackoffStrategy):
    """Seconds to wait: what `Retry-After` says, else until a rolling window frees, else exponential with jitter."""

    def backoff_time(
        self,
        response_or_exception: requests.Response | requests.RequestException | None,
        attempt_count: int,
    ) -> float:
        if isinstance(response_or_exception, requests.Response):
            response = response_or_exception
            after = seconds_of(response.headers.get("Retry-After", ""))
            if after is not None:
                return max(0.1, min(after, 3600.0))
            said = RATE_TEXT.search(words_of(response)) if response.content[:1] != b"[" else None
            if said or response.status_code == 429:
                hourly = bool(said and "hour" in said.group(0).lower())
                base = RATE_WAIT_SECONDS["hour" if hourly else "minute"]
                # The window frees little by little: short waits first cost nothing.
                return min(base, 4.0 * 2.0**attempt_count) * random.uniform(0.8, 1.0)
        return min(60.0, 0.25 * 2.0**attempt_count) * random.uniform(0.5, 1.5)
