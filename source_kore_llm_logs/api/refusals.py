"""What a person reads when Kore.ai, or something before it, refuses: one sentence that says what to do."""

import re
import time
from datetime import timezone
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

import requests
from airbyte_cdk.models import FailureType

from source_kore_llm_logs.api import network
from source_kore_llm_logs.api.vendor_words import BLANK, Refusal, begins_with, body_of
from source_kore_llm_logs.errors import Fault, NotFound, PageTooLarge, RequestRefused
from source_kore_llm_logs.manifest import named

ENVELOPE = re.compile(rb'\{\s*"errors?"\s*:')
ADDRESS = re.compile(r"[A-Za-z0-9._:\[\]-]{1,300}")
"""A host, perhaps with a port: nothing else of a `Location` is repeated."""
CLOCKS_AGREE = 60.0
"""Seconds. `Date` is cut to the second, and an answer takes time."""
SIGN_IN = {Refusal.TOKEN_TIMES, Refusal.SCOPE, Refusal.TOKEN, Refusal.CREDENTIALS}
ARGUMENTS_REFUSED = {400, 412, 416, 422}
NO_SCOPE = (
    "the app lacks the scope. In Kore.ai give it 'Fetch Gen AI and LLM Usage Logs' (bot app) or "
    "'Gen AI and LLM Usage Logs' (admin console app), and publish the app"
)


def _until(date: str) -> float | None:
    """Seconds from now to the date of a header (RFC 9110); None if it is none."""
    try:
        moment = parsedate_to_datetime(date)
    except (TypeError, ValueError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp() - time.time()


def clock_ahead(response: requests.Response) -> float | None:
    """By how many seconds the clock of this machine is ahead of the answer's `Date`; None if it has none."""
    until = _until(response.headers.get("Date", ""))
    return None if until is None else -until


def seconds_of(retry_after: str) -> float | None:
    """Seconds from now: the header `Retry-After` holds them, or a date."""
    return float(retry_after) if retry_after.strip().isdecimal() else _until(retry_after)


def _duration(seconds: float) -> str:
    if abs(seconds) < 120:
        return f"{abs(seconds):.0f} s"
    hours, minutes = divmod(round(abs(seconds) / 60), 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    return " ".join([f"{count} {unit}" for count, unit in parts if count][:2])


def _about_the_clock(ahead: float | None) -> str:
    if ahead is None:
        return "Compare the clock of this machine with the right time"
    if abs(ahead) <= CLOCKS_AGREE:
        return (
            f"The clock of this machine and that of Kore.ai differ by only {_duration(ahead)}; compare both with the "
            "right time, and see whether the app limits how long a token may live"
        )
    direction = "ahead of" if ahead > 0 else "behind"
    return f"The clock of this machine is {_duration(ahead)} {direction} that of Kore.ai: set it right"


def refused(response: requests.Response, bot: str, words: str, kind: Refusal | None) -> Fault:
    """The fault of an answer that no further try would better."""
    status = response.status_code
    if 300 <= status < 400:
        return Fault(_redirected(response))
    if status == 407:
        return Fault(network.proxy_refuses(network.proxy_for(str(response.request.url))))
    said = f"The API said: {words or 'nothing'} ({status})."
    if kind is Refusal.ADDRESS or (status in (401, 403) and begins_with(response, b"<")):
        return Fault(_kept_out(words, said, status), bot_id=bot)
    if kind is Refusal.BOT:
        what = f"Kore.ai does not know this bot. Check {named('bot_ids')} (General Settings of the bot). {said}"
        return Fault(what, bot_id=bot)
    if status in (401, 403) or (status in (200, 400) and kind in SIGN_IN):
        return _sign_in_refused(response, bot, said, kind)
    if status in ARGUMENTS_REFUSED or (status == 200 and kind is Refusal.ARGUMENTS):
        return _arguments_refused(bot, status, words or "no reason given")
    if status == 413:
        what = "the API refuses even the smallest page as too large (413)."
        return PageTooLarge(what, FailureType.transient_error, bot)
    what = f"the API answered with status {status}" + (f": {words}." if words else ".")
    or_the_bot = f" If it is, check {named('bot_ids')}." if status == 404 else ""
    return (NotFound if status == 404 else Fault)(
        f"{what} Check {named('host')}: it must be the address of your Kore.ai platform.{or_the_bot}",
        bot_id=bot,
        where_others_are_answered=f"{what} Other bots are answered at this address: check {named('bot_ids')}.",
    )


def _kept_out(words: str, said: str, status: int) -> str:
    if words:
        return f"the address of this machine is not allowed. Have it added to the allow list. {said}"
    return (
        f"an HTML page came in the place of the API's refusal ({status}): a firewall or a proxy keeps this machine "
        f"out. Have its address allowed, and check {named('host')}."
    )


def _sign_in_refused(response: requests.Response, bot: str, said: str, kind: Refusal | None) -> Fault:
    """For a token that is not taken, in the cases that only the words tell apart."""
    ahead, others = clock_ahead(response), None
    if kind is Refusal.TOKEN_TIMES:
        what = f"the token was rejected because of its times. {_about_the_clock(ahead)}"
    elif kind is Refusal.SCOPE:
        what = NO_SCOPE
    elif response.status_code == 403 and kind is None:
        what = f"{NO_SCOPE}. Or a firewall or an allow list keeps this machine out: then have its address allowed"
    else:
        others = (
            "a wrong bot id, or a bot that the app does not serve: other bots are answered with the same credentials. "
            f"Check {named('bot_ids')} (General Settings of the bot), and that the app serves this bot. {said}"
        )
        what = (
            f"wrong credentials or a wrong bot id. Check {named('client_id')} and {named('client_secret')} (the "
            f"app's page in Kore.ai), {named('bot_ids')} (General Settings of the bot), and that the app serves this "
            "bot"
        )
    if kind is Refusal.TOKEN:
        what = (
            f"the token was rejected as malformed. Check {named('jwt_algorithm')}, which must be the one chosen in "
            f"the app, {named('client_id')} and {named('client_secret')}"
        )
    if kind is not Refusal.TOKEN_TIMES and ahead is not None and abs(ahead) > 2 * CLOCKS_AGREE:
        what += f". {_about_the_clock(ahead)}"
    return Fault(f"{what}. {said}", bot_id=bot, where_others_are_answered=others)


def _arguments_refused(bot: str, status: int, words: str) -> RequestRefused:
    filters = ("channels", "feature_names", "task_id", "user_ids", "channel_user_ids")
    what = (
        f"the API refused the request with status {status}: {words}. Check the filters of the configuration: "
        f"{', '.join(map(named, filters))}. If this is about dates, Kore.ai may not keep logs since "
        f"{named('start_date')}: enter a later one."
    )
    return RequestRefused(what, bot, words)


def _redirected(response: requests.Response) -> str:
    """The sentence for an answer that sends the request elsewhere. It is not followed: the token would go along."""
    host, status = urlsplit(str(response.request.url)).netloc, response.status_code
    location = response.headers.get("Location", "").strip()
    try:
        target = urlsplit(urljoin(str(response.request.url), location)).netloc.rsplit("@", 1)[-1]
    except ValueError:
        target = ""
    if not location or not ADDRESS.fullmatch(target):
        return (
            f"{host} sends the request on (status {status}), but not to an address. Check {named('host')}: it must be "
            "the address of the platform itself."
        )
    if target == host:
        return (
            f"{host} sends the request on to another page of its own (status {status}), as a page for people does that "
            f"asks to sign in. Check {named('host')}: it must be the address of the platform itself."
        )
    return (
        f"{host} sends the request on to {target} (status {status}), which the connector does not follow. "
        f"If {target} is your Kore.ai platform, enter it as {named('host')}."
    )


def not_rows(response: requests.Response, words: str) -> str:
    """What came in the place of rows, after "the API answered with"."""
    if words:
        return f"an error instead of rows: {words}"
    if not body_of(response).strip(BLANK):
        return "an empty body instead of rows"
    if begins_with(response, b"<"):
        return (
            f"an HTML page instead of rows. Check {named('host')}: it must be the address of the platform itself, and "
            "no firewall or proxy may answer in its place"
        )
    return f"something that is not a JSON array of rows. Check {named('host')}"


def looks_encrypted(response: requests.Response) -> bool:
    """Whether a body that is not rows holds something, and no error: an object, or one long text without blanks."""
    content = body_of(response).strip(BLANK + b"\"'")
    if content.startswith(b"{"):
        return content.rstrip(b" }\t\r\n") != b"{" and not ENVELOPE.match(content)
    return len(content) >= 40 and not content.startswith((b"<", b"[")) and not any(byte <= 32 for byte in content)
