"""What a refusal of Kore.ai, or of something before it, says: the vendor's words, and the sentences that need more than
the table of refusals in `manifest.yaml`. Nothing that may be a payload is ever taken for words.
"""

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson
import requests

from source_kore_llm_logs.api.clock import CLOCKS_AGREE, seconds_until
from source_kore_llm_logs.manifest import named, specification

Rule = Mapping[str, Any]
"""A row of the table."""
GZIP = b"\x1f\x8b\x08"
BLANK = b"\xef\xbb\xbf \t\r\n"
LONGEST_TEXT = 300  # Bytes. No sentence of the vendor's is longer: a longer body of plain text is something else.
LONGEST_WORDS = 500
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # Databases refuse some of them, terminals turn on colours.
TOKEN = re.compile(r"\beyJ[\w-]+\.[\w.-]*")
HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,300}")  # Nothing else of a `Location` is repeated.


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


def words_of(response: requests.Response, rules: Sequence[Rule]) -> str:
    """The vendor's words: of an envelope such as `{"errors": [{"msg": …}]}` [I], or a short body of plain text; ""
    where there are none. Tokens are left out.

    Under status 200, where a body may be encrypted or hold what users wrote, only an envelope's words count, a
    sentence under `message`, and a text that one of the rules knows.
    """
    content, is_200 = body_of(response), response.status_code == 200
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        body = "" if begins_with(response, b"<", b"[", b"{") else content.decode(errors="replace")
    envelope = (body.get("errors") or body.get("error")) if isinstance(body, dict) else None
    words = "; ".join(_texts(envelope)) or next(_texts(body), "")
    is_text, is_sentence = isinstance(body, str), " " in words.strip()
    is_known = any("words" in rule and re.search(rule["words"], words, re.I) for rule in rules)
    if (is_text and len(content) > LONGEST_TEXT) or (
        is_200 and not envelope and not (is_sentence and (is_known or not is_text))
    ):
        words = ""
    return TOKEN.sub("(a token)", " ".join(CONTROL.sub(" ", words).split()))[:LONGEST_WORDS]


def _texts(errors: object) -> Iterator[str]:
    """The messages of an envelope's `errors`: a list of objects or of texts, or one of them."""
    for error in errors if isinstance(errors, list) else [errors]:
        found = [error.get(key) for key in ("msg", "message", "error")] if isinstance(error, dict) else [error]
        yield from [text for text in found if isinstance(text, str)][:1]


def rule_for(response: requests.Response, words: str, rules: Sequence[Rule]) -> Rule:
    """The first that the answer meets; the last meets all."""
    return next(
        rule
        for rule in rules
        if response.status_code in rule.get("statuses", [response.status_code])
        and re.search(rule.get("words", ""), words, re.I)
        and (not rule.get("is_html") or begins_with(response, b"<"))
    )


def sentence(template: str, response: requests.Response, words: str) -> str:
    """A rule's message for a person."""
    status = response.status_code
    values = {field: named(field) for field in specification()["properties"]}
    return template.format_map(
        {
            **values,
            "status": status,
            "words": words or "no reason given",
            "colon_words": f": {words}" if words else "",
            "said": f"The API said: {words or 'nothing'} ({status}).",
            "clock": _about_the_clock(response, True),
            "wrong_clock": _about_the_clock(response, False),
        }
    )


def _about_the_clock(response: requests.Response, is_suspected: bool) -> str:
    """A further sentence where the clock of this machine is wrong; where it `is_suspected`, in any case."""
    behind = seconds_until(response.headers.get("Date"))
    if behind is not None and abs(behind) > 2 * CLOCKS_AGREE:
        hours, minutes = divmod(round(abs(behind) / 60), 60)
        length = f"{hours} h {minutes} min" if hours else f"{minutes} min"
        direction = "ahead of" if behind < 0 else "behind"
        return f" The clock of this machine is {length} {direction} that of Kore.ai: set it right."
    if not is_suspected:
        return ""
    if behind is None:
        return " Compare the clock of this machine with the right time."
    return (
        f" The clock of this machine and that of Kore.ai differ by only {abs(behind):.0f} s; compare both with the "
        "right time, and see whether the app limits how long a token may live."
    )


def redirected(response: requests.Response) -> str:
    """The sentence for an answer that sends the request elsewhere. It is not followed: the token would go along."""
    host, location = urlsplit(str(response.request.url)).netloc, response.headers.get("Location", "").strip()
    try:
        target = urlsplit(urljoin(str(response.request.url), location)).netloc.rsplit("@", 1)[-1]
    except ValueError:
        target = ""
    status = f"(status {response.status_code})"
    if not location or target == host or not HOST.fullmatch(target):
        return (
            f"{host} sends the request on {status}, as a page for people does that asks to sign in. Check "
            f"{named('host')}: it must be the address of the platform itself."
        )
    return (
        f"{host} sends the request on to {target} {status}, which the connector does not follow. "
        f"If {target} is your Kore.ai platform, enter it as {named('host')}."
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
    if looks_encrypted(response):
        return (
            "a JSON object or a cipher text instead of an array of rows. If the app enforces encrypted payloads, turn "
            "that off for this app in Kore.ai"
        )
    return f"something that is not a JSON array of rows. Check {named('host')}"


def looks_encrypted(response: requests.Response) -> bool:
    """Whether a body that is not rows holds something, and no error: an object, or one long text without blanks."""
    content = body_of(response).strip(BLANK + b"\"'")
    if content.startswith(b"{"):
        return content.rstrip(b" }\t\r\n") != b"{" and not re.match(rb'\{\s*"errors?"\s*:', content)
    return len(content) >= 40 and not content.startswith((b"<", b"[")) and not any(byte <= 32 for byte in content)
