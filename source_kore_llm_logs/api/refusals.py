"""What a refusal of Kore.ai, or of something before it, is about, and what a person reads: one sentence that says what
to do.

Kore.ai answers 401 for five different things and tells them apart only in the text [D, I]; a limit may be refused under
any status, in JSON or as plain text [D, I]. Nothing that may be a payload is ever taken for words.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from enum import Enum, auto
from urllib.parse import urljoin, urlsplit

import orjson
import requests
from airbyte_cdk.models import FailureType

from source_kore_llm_logs.api import network
from source_kore_llm_logs.api.clock import CLOCKS_AGREE, seconds_until
from source_kore_llm_logs.errors import Fault, NotFound, PageTooLarge, RequestRefused
from source_kore_llm_logs.manifest import named

GZIP = b"\x1f\x8b\x08"
BLANK = b"\xef\xbb\xbf \t\r\n"
LONGEST_TEXT = 300
"""Bytes. No sentence of the vendor's is longer; a body of plain text that is longer is something else."""
LONGEST_WORDS = 500
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""U+0000 stops databases that keep a message; others turn on a terminal's colours."""
TOKEN = re.compile(r"\beyJ[\w-]+\.[\w.-]*")
ADDRESS = re.compile(r"[A-Za-z0-9._:\[\]-]{1,300}")
"""A host, perhaps with a port: nothing else of a `Location` is repeated."""


class Kind(Enum):
    """What a refusal is about."""

    RATE_LIMIT = auto()
    REPLAY = auto()
    """This token was seen before: a fresh one mends it [D]."""
    TOKEN_TIMES = auto()
    """The token is too long-lived, has expired, or is not valid yet: one of the clocks is wrong."""
    ADDRESS = auto()
    """The address from which the request came is not allowed."""
    SCOPE = auto()
    TOKEN = auto()
    CREDENTIALS = auto()
    BOT = auto()
    """There is no such bot."""
    ARGUMENTS = auto()
    FIREWALL = auto()
    """A page of HTML in the place of a refusal."""
    FORBIDDEN = auto()
    """A 403 without words that are known."""


WORDS = {
    Kind.RATE_LIMIT: r"rate.?limit|too many requests",
    Kind.REPLAY: r"\breplay",
    Kind.TOKEN_TIMES: r"\bexp\b|\bexpir|\biat\b|\bnbf\b|not yet valid|not active|in the future",
    Kind.ADDRESS: r"white.?list|allow.?list|firewall|\bip\b.{0,40}(allow|block|den|permi|restrict)",
    Kind.SCOPE: r"\bscope|\bpermission",
    Kind.TOKEN: r"\bjwt\b|\btoken\b",
    Kind.CREDENTIALS: r"\bcredential|\bunauthori[sz]ed|\bauthenticat|\bauthori[sz]ation",
    Kind.BOT: r"\bbot\b(?: \S+){0,4} (?:not (?:be )?found|not exist|unknown)"
    r"|\b(?:invalid|unknown|no such|not find|no) (?:the )?bot\b",
    Kind.ARGUMENTS: r"\bvalidation|\binvalid arg|\bbad request",
}
"""In the order in which they are looked for: "error verifying the jwt: possibly a replay" is a replay."""
SIGN_IN = {Kind.REPLAY, Kind.TOKEN_TIMES, Kind.SCOPE, Kind.TOKEN, Kind.CREDENTIALS}
SIGN_IN_STATUSES = {200, 400, 401, 403}
BY_STATUS = {
    401: Kind.CREDENTIALS, 403: Kind.FORBIDDEN, 429: Kind.RATE_LIMIT,
    400: Kind.ARGUMENTS, 412: Kind.ARGUMENTS, 416: Kind.ARGUMENTS, 422: Kind.ARGUMENTS,
}  # fmt: skip


def sentence(kind: Kind, status: int) -> str:
    """What is wrong and what to do, without a full stop."""
    scope = (
        "the app lacks the scope. In Kore.ai give it 'Fetch Gen AI and LLM Usage Logs' (bot app) or "
        "'Gen AI and LLM Usage Logs' (admin console app), and publish the app"
    )
    bots = f"{named('bot_ids')} (General Settings of the bot)"
    return {
        Kind.TOKEN_TIMES: "the token was rejected because of its times",
        Kind.ADDRESS: "the address of this machine is not allowed. Have it added to the allow list",
        Kind.SCOPE: scope,
        Kind.FORBIDDEN: f"{scope}. Or a firewall or an allow list keeps this machine out: have its address allowed",
        Kind.FIREWALL: f"an HTML page came in the place of the API's refusal ({status}): a firewall or a proxy keeps "
        f"this machine out. Have its address allowed, and check {named('host')}",
        Kind.TOKEN: f"the token was rejected as malformed. Check {named('jwt_algorithm')}, which must be the one "
        f"chosen in the app, {named('client_id')} and {named('client_secret')}",
        Kind.CREDENTIALS: f"wrong credentials or a wrong bot id. Check {named('client_id')} and "
        f"{named('client_secret')} (the app's page in Kore.ai), {bots}, and that the app serves this bot",
        Kind.BOT: f"Kore.ai does not know this bot. Check {bots}",
    }[kind]


def body_of(response: requests.Response) -> bytes:
    """The body, unpacked where it is gzip although no header says so; as it came where that fails."""
    content = response.content
    if content.startswith(GZIP):
        try:
            return gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            pass
    return content


def begins_with(response: requests.Response, *starts: bytes) -> bool:
    """Whether one of these is the first byte that is no blank."""
    return body_of(response).lstrip(BLANK)[:1] in starts


def words_of(response: requests.Response) -> str:
    """The vendor's words: of an envelope such as `{"errors": [{"msg": …}]}` [I], or a short body of plain text; ""
    where there are none. Tokens are left out.

    Under status 200, where a body may be encrypted or hold what users wrote, only an envelope's words count, a
    sentence under `message`, and a text that is one of the refusals that are known.
    """
    content, is_200 = body_of(response), response.status_code == 200
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        body = "" if begins_with(response, b"<", b"[", b"{") else content.decode(errors="replace")
    envelope = (body.get("errors") or body.get("error")) if isinstance(body, dict) else None
    words = "; ".join(_texts(envelope)) or next(_texts(body), "")
    if isinstance(body, str) and (len(content) > LONGEST_TEXT or (is_200 and _kind_of_words(words) is None)):
        words = ""
    if is_200 and not envelope and " " not in words.strip():
        words = ""
    return TOKEN.sub("(a token)", " ".join(CONTROL.sub(" ", words).split()))[:LONGEST_WORDS]


def _texts(errors: object) -> Iterator[str]:
    """The messages of an envelope's `errors`: a list of objects or of texts, or one of them."""
    for error in errors if isinstance(errors, list) else [errors]:
        found = (
            [error, *(error.get(key) for key in ("msg", "message", "error"))] if isinstance(error, dict) else [error]
        )
        yield from [text for text in found if isinstance(text, str)][:1]


def _kind_of_words(words: str) -> Kind | None:
    return next((kind for kind, pattern in WORDS.items() if re.search(pattern, words, re.I)), None)


def kind_of(response: requests.Response, words: str) -> Kind | None:
    """What the refusal is about: by the vendor's words, else by its status; None if neither tells."""
    status, kind = response.status_code, _kind_of_words(words)
    if status == 429 or (kind in SIGN_IN and status not in SIGN_IN_STATUSES):
        kind = None
    if status in (401, 403) and begins_with(response, b"<"):
        return Kind.FIREWALL
    return kind or BY_STATUS.get(status)


def refused(response: requests.Response, bot: str, words: str, kind: Kind | None) -> Fault:
    """The fault of an answer that no further try would better."""
    status, url = response.status_code, str(response.request.url)
    said = f"The API said: {words or 'nothing'} ({status})."
    if 300 <= status < 400:
        return Fault(_redirected(response))
    if status == 407:
        return Fault(network.password_wanted(url))
    if status == 413:
        return PageTooLarge(
            "the API refuses even the smallest page as too large (413).", FailureType.transient_error, bot
        )
    if kind is Kind.ARGUMENTS:
        return _arguments_refused(bot, status, words or "no reason given")
    if kind is None:
        return _not_the_api(bot, status, words)
    others = None
    if kind in (Kind.CREDENTIALS, Kind.TOKEN):
        others = (
            "a wrong bot id, or a bot that the app does not serve: other bots are answered with the same credentials. "
            f"Check {named('bot_ids')} (General Settings of the bot), and that the app serves this bot. {said}"
        )
    what = sentence(kind, status) + (_about_the_clock(response, kind) if kind in SIGN_IN | {Kind.FORBIDDEN} else "")
    return Fault(f"{what}. {said}", bot_id=bot, where_others_are_answered=others)


def _about_the_clock(response: requests.Response, kind: Kind) -> str:
    """Another sentence, if a wrong clock may be the cause."""
    behind = seconds_until(response.headers.get("Date"))
    if behind is None:
        return ". Compare the clock of this machine with the right time" if kind is Kind.TOKEN_TIMES else ""
    minutes = round(abs(behind) / 60)
    if abs(behind) > 2 * CLOCKS_AGREE:
        length = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
        direction = "ahead of" if behind < 0 else "behind"
        return f". The clock of this machine is {length} {direction} that of Kore.ai: set it right"
    if kind is not Kind.TOKEN_TIMES:
        return ""
    return (
        f". The clock of this machine and that of Kore.ai differ by only {abs(behind):.0f} s; compare both with the "
        "right time, and see whether the app limits how long a token may live"
    )


def _arguments_refused(bot: str, status: int, words: str) -> RequestRefused:
    filters = ("channels", "feature_names", "task_id", "user_ids", "channel_user_ids")
    what = (
        f"the API refused the request with status {status}: {words}. Check the filters of the configuration: "
        f"{', '.join(map(named, filters))}. If this is about dates, Kore.ai may not keep logs since "
        f"{named('start_date')}: enter a later one."
    )
    return RequestRefused(what, bot, words)


def _not_the_api(bot: str, status: int, words: str) -> Fault:
    what = f"the API answered with status {status}" + (f": {words}." if words else ".")
    or_the_bot = f" If it is, check {named('bot_ids')}." if status == 404 else ""
    return (NotFound if status == 404 else Fault)(
        f"{what} Check {named('host')}: it must be the address of your Kore.ai platform.{or_the_bot}",
        bot_id=bot,
        where_others_are_answered=f"{what} Other bots are answered at this address: check {named('bot_ids')}.",
    )


def _redirected(response: requests.Response) -> str:
    """The sentence for an answer that sends the request elsewhere. It is not followed: the token would go along."""
    host, location = urlsplit(str(response.request.url)).netloc, response.headers.get("Location", "").strip()
    try:
        target = urlsplit(urljoin(str(response.request.url), location)).netloc.rsplit("@", 1)[-1]
    except ValueError:
        target = ""
    begin = f"{host} sends the request on (status {response.status_code})"
    end = f"Check {named('host')}: it must be the address of the platform itself."
    if not location or not ADDRESS.fullmatch(target):
        return f"{begin}, but not to an address. {end}"
    if target == host:
        return f"{begin} to another page of its own, as a page for people does that asks to sign in. {end}"
    return (
        f"{host} sends the request on to {target} (status {response.status_code}), which the connector does not "
        f"follow. If {target} is your Kore.ai platform, enter it as {named('host')}."
    )


def not_rows(response: requests.Response, words: str) -> str:
    """What came with status 200 in the place of rows, after "the API answered with"."""
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
        return content.rstrip(b" }\t\r\n") != b"{" and not re.match(rb'\{\s*"errors?"\s*:', content)
    return len(content) >= 40 and not content.startswith((b"<", b"[")) and not any(byte <= 32 for byte in content)
