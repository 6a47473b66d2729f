"""The vendor's own words in an answer, and what kind of refusal they are.

Kore.ai answers 401 for five different things and tells them apart only in the text [D, I]; a limit may be refused under
any status, in JSON or as plain text [D, I]. Nothing that may be a payload is ever taken for words.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from enum import Enum, auto

import orjson
import requests

GZIP = b"\x1f\x8b\x08"
BLANK = b"\xef\xbb\xbf \t\r\n"
LONGEST_ENVELOPE = 100_000
LONGEST_TEXT = 300
"""Bytes. No sentence of the vendor's is longer; a body of plain text that is longer is something else."""
LONGEST_WORDS = 500
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""U+0000 stops databases that keep a message; others turn on a terminal's colours."""
TOKEN = re.compile(r"\beyJ[\w-]+\.[\w.-]*")
"""A JWT, which a server may repeat in its refusal."""


class Refusal(Enum):
    """What the words are about."""

    RATE_LIMIT = auto()
    REPLAY = auto()
    """This token was seen before: a fresh one mends it [D]."""
    TOKEN_TIMES = auto()
    """The token is too long-lived, has expired, or is not valid yet: one of the clocks is wrong."""
    SCOPE = auto()
    TOKEN = auto()
    CREDENTIALS = auto()
    ADDRESS = auto()
    """The address from which the request came is not allowed."""
    BOT = auto()
    """There is no such bot."""
    ARGUMENTS = auto()


KINDS = {
    Refusal.RATE_LIMIT: re.compile(r"rate.?limit|too many requests", re.I),
    Refusal.REPLAY: re.compile(r"\breplay", re.I),
    Refusal.TOKEN_TIMES: re.compile(r"\bexp\b|\bexpir|\biat\b|\bnbf\b|not yet valid|not active|in the future", re.I),
    Refusal.ADDRESS: re.compile(
        r"white.?list|allow.?list|firewall|\bip\b.{0,40}(allow|block|den|permi|restrict)", re.I
    ),
    Refusal.SCOPE: re.compile(r"\bscope|\bpermission", re.I),
    Refusal.TOKEN: re.compile(r"\bjwt\b|\btoken\b", re.I),
    Refusal.CREDENTIALS: re.compile(r"\bcredential|\bunauthori[sz]ed|\bauthenticat|\bauthori[sz]ation", re.I),
    Refusal.BOT: re.compile(
        r"\bbot\b(?: \S+){0,4} (?:not (?:be )?found|not exist|unknown)"
        r"|\b(?:invalid|unknown|no such|not find|no) (?:the )?bot\b",
        re.I,
    ),
    Refusal.ARGUMENTS: re.compile(r"\bvalidation|\binvalid arg|\bbad request", re.I),
}
"""In the order in which they are looked for: "error verifying the jwt: possibly a replay" is a replay."""


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


def kind_of(words: str) -> Refusal | None:
    """What the vendor's words are about, if that can be told."""
    return next((kind for kind, pattern in KINDS.items() if pattern.search(words)), None)


def words_of(response: requests.Response) -> str:
    """The vendor's words: of an envelope such as `{"errors": [{"msg": …}]}` [I], or a short body of plain text.

    "" where there are none. Of an answer with status 200, which may be encrypted or hold what users wrote, plain text
    counts only if it is one of the refusals that are known, and a bare message only if it is a sentence. Tokens are
    left out.
    """
    content = body_of(response)
    is_short, is_200 = len(content) <= LONGEST_TEXT, response.status_code == 200
    try:
        body = orjson.loads(content[:LONGEST_ENVELOPE])
    except orjson.JSONDecodeError:
        is_markup = re.match(rb"\s*[<\[{]", content) is not None
        body = None if is_markup else content[:LONGEST_ENVELOPE].decode("utf-8", "replace")
    if isinstance(body, str):
        is_known = not is_200 or (" " in body.strip() and kind_of(body) is not None)
        words = body if is_short and is_known else ""
    elif isinstance(body, dict):
        words = "; ".join(_texts(body.get("errors") or body.get("error")))
        said = next(_texts(body), "")
        words = words or (said if not is_200 or " " in said.strip() else "")
    else:
        words = "; ".join(_texts(body)) if not is_200 else ""
    return TOKEN.sub("(a token)", " ".join(CONTROL.sub(" ", words).split()))[:LONGEST_WORDS]


def _texts(errors: object) -> Iterator[str]:
    """The messages of an envelope's `errors`: a list of objects or of texts, or one of them."""
    for error in errors if isinstance(errors, list) else [errors]:
        if isinstance(error, str):
            yield error
        elif isinstance(error, dict):
            found = next((error[key] for key in ("msg", "message", "error") if isinstance(error.get(key), str)), "")
            if found:
                yield found
