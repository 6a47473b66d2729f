"""What the rules in `manifest.yaml` need to know of an error response or a failed connection, and their messages.

No text that may be part of a payload is ever taken for an error message."""

import gzip
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson
import requests
from requests.utils import get_environ_proxies, select_proxy

from source_kore_llm_logs.api.clock import CLOCKS_AGREE, hours, seconds_until
from source_kore_llm_logs.manifest import SPECIFICATION, named

Rule = Mapping[str, Any]  # As in `refusals` and `connection_errors` of the manifest.
GZIP = b"\x1f\x8b\x08"
BLANK = b"\xef\xbb\xbf \t\r\n"
LONGEST_TEXT = 300  # Bytes. A longer body of plain text is not an error message of the vendor.
LONGEST_WORDS = 500
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # Databases refuse some of them; terminals interpret others.
TOKEN = re.compile(r"\beyJ[\w-]+\.[\w.-]*")
HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,300}")  # The only part of a `Location` that a message repeats.
TUNNEL = re.compile(r"Tunnel connection failed: (\d{3}[ \w-]{0,60})")
TRANSIENT = {408, 425, *range(500, 600)} - {501, 505}  # 501 and 505 do not pass: no POST, another HTTP version.


def body_of(response: requests.Response) -> bytes:
    """The body, decompressed if it is gzip without a header that says so. Unchanged if that fails."""
    content = response.content
    if content.startswith(GZIP):
        try:
            return gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            pass
    return content


def words_of(response: requests.Response, rules: Sequence[Rule]) -> str:
    """The vendor's error message without tokens, or "": from an envelope such as `{"errors": [{"msg": …}]}` [I], or a
    short body of plain text. With status 200 the body may be encrypted, or contain what users wrote. Then only an
    envelope counts, a sentence under `message`, and a sentence that matches the `words` of a rule."""
    content, is_200 = body_of(response), response.status_code == 200
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        body = "" if content.lstrip(BLANK)[:1] in b"<[{" else content.decode(errors="replace")
    envelope = (body.get("errors") or body.get("error")) if isinstance(body, dict) else None
    words = "; ".join(_texts(envelope)) or next(_texts(body), "")
    is_text, is_sentence = isinstance(body, str), " " in words.strip()
    is_known = any(len(rule.get("words", "")) > 1 and re.search(rule["words"], words, re.I) for rule in rules)
    is_hidden = is_200 and not envelope and not (is_sentence and (is_known or not is_text))
    if is_hidden or (is_text and len(content) > LONGEST_TEXT):
        return ""
    return TOKEN.sub("(a token)", " ".join(CONTROL.sub(" ", words).split()))[:LONGEST_WORDS]


def _texts(errors: object) -> Iterator[str]:
    """The messages in `errors`: an object or a text, or a list of them."""
    for error in errors if isinstance(errors, list) else [errors]:
        found = [error.get(key) for key in ("msg", "message", "error")] if isinstance(error, dict) else [error]
        yield from [text for text in found if isinstance(text, str)][:1]


def conditions(response: requests.Response, is_json: bool) -> Iterator[str]:
    """The values of a rule's `if` that hold for a response."""
    content = body_of(response).strip(BLANK + b"\"'")
    starts, is_object = content[:1], content.startswith(b"{")
    if response.status_code in TRANSIENT:
        yield "transient"
    if not content:
        yield "empty"
    if starts == b"<":
        yield "html"
    if not is_json and starts and starts in b"[{\x1f":
        yield "cut_off"
    # An object that is no error, or one long text without blanks.
    is_error = content.rstrip(b" }\t\r\n") == b"{" or re.match(rb'\{\s*"errors?"\s*:', content)
    is_cipher = len(content) >= 40 and starts not in b"<[" and not any(byte <= 32 for byte in content)
    if (is_object and not is_error) or (is_cipher and not is_object):
        yield "encrypted"
    if target_of(response) not in ("", urlsplit(str(response.request.url)).netloc):
        yield "sent_elsewhere"


def target_of(response: requests.Response) -> str:
    """The host, with a port if given, to which a response redirects; "" without a valid one."""
    location = response.headers.get("Location", "").strip()
    try:
        target = urlsplit(urljoin(str(response.request.url), location)).netloc.rsplit("@", 1)[-1]
    except ValueError:
        return ""
    return target if location and HOST.fullmatch(target) else ""


def rule_for(rules: Iterable[Rule], words: str, met: Iterable[str], status: int = 0, error: object = None) -> Rule:
    """The first rule that matches a response or an exception. The last rule matches everything."""
    met, classes = set(met), {kind.__name__ for kind in type(error).__mro__}
    return next(
        rule
        for rule in rules
        if status in rule.get("statuses", [status])
        and rule.get("if") in (None, *met)
        and classes.intersection(rule.get("errors", classes))
        and re.search(rule.get("words", ""), words, re.I)
    )


def proxy_for(url: str) -> str | None:
    """The proxy for a URL, or None: its address without a password, and the environment variable that sets it."""
    proxy = select_proxy(url, get_environ_proxies(url))
    if not proxy:
        return None
    names = {f"{urlsplit(url).scheme}_proxy", "all_proxy"}
    variables = [name for name, value in os.environ.items() if name.lower() in names and value.strip() == proxy]
    address = proxy.split("://", 1)[-1].rsplit("@", 1)[-1].split("/", 1)[0]
    return f"{address} (environment variable {variables[0]})" if variables else f"{address} (settings of this system)"


def bundle() -> str:
    """The environment variable that sets a file of certificates, as `variable=path`; "" if none does."""
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    return next((f"{name}={os.environ[name]}" for name in names if os.environ.get(name)), "")


def sentence(template: str, url: str, words: str, response: requests.Response | None = None) -> str:
    """The text of a rule's message."""
    tunnel = TUNNEL.search(words)
    values: dict[str, object] = {
        **{field: named(field) for field in SPECIFICATION["properties"]},
        "server": urlsplit(url).netloc,
        "proxy": proxy_for(url) or "on the way",
        "tunnel": f", which answers {tunnel[1].strip()}" if tunnel else "",
        "bundle": bundle(),
        "against_bundle": f" against {bundle()}" if bundle() else "",
        "words": words or "no reason given",
        "colon_words": f": {words}" if words else "",
    }
    if response is not None:
        values["status"] = response.status_code
        values["said"] = f"The API said: {words or 'nothing'} ({response.status_code})."
        values["target"] = target_of(response)
        values["clock"], values["wrong_clock"] = (_about_the_clock(response, it_is) for it_is in (True, False))
    # Environment variables may not be UTF-8.
    return template.format_map(values).encode(errors="backslashreplace").decode()


def _about_the_clock(response: requests.Response, is_suspected: bool) -> str:
    """A sentence about this machine's clock, if it differs from the server's; if it `is_suspected`, in any case."""
    behind = seconds_until(response.headers.get("Date"))
    if behind is not None and abs(behind) > 2 * CLOCKS_AGREE:
        direction = "ahead of" if behind < 0 else "behind"
        return f" The clock of this machine is {hours(behind)} {direction} that of Kore.ai: set it right."
    if not is_suspected:
        return ""
    if behind is None:
        return " Compare the clock of this machine with the right time."
    return (
        f" The clock of this machine and that of Kore.ai differ by only {abs(behind):.0f} s; compare both with the "
        "right time, and see whether the app limits how long a token may live."
    )
