"""What an answer that is not rows, or a connection that failed, says of itself: the vendor's words, and what else the
tables in `manifest.yaml` name. Nothing that may be a payload is ever taken for words."""

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

Rule = Mapping[str, Any]  # A row of a table.
GZIP = b"\x1f\x8b\x08"
BLANK = b"\xef\xbb\xbf \t\r\n"
LONGEST_TEXT = 300  # Bytes. No sentence of the vendor's is longer: a longer body of plain text is something else.
LONGEST_WORDS = 500
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # Databases refuse some of them, terminals turn on colours.
TOKEN = re.compile(r"\beyJ[\w-]+\.[\w.-]*")
HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,300}")  # Nothing else of a `Location` is repeated.
TUNNEL = re.compile(r"Tunnel connection failed: (\d{3}[ \w-]{0,60})")
PASSING = {408, 425, *range(500, 600)} - {501, 505}  # Not of a server that takes no POST, or speaks another HTTP.


def body_of(response: requests.Response) -> bytes:
    """The body, unpacked where it is gzip although no header says so; as it came where that fails."""
    content = response.content
    if content.startswith(GZIP):
        try:
            return gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            pass
    return content


def words_of(response: requests.Response, rules: Sequence[Rule]) -> str:
    """The vendor's words: of an envelope such as `{"errors": [{"msg": …}]}` [I], or a short body of plain text; ""
    where there are none. Tokens are left out. Under status 200, where a body may be encrypted or hold what users wrote,
    only an envelope's words count, a sentence under `message`, and a sentence that one of the rules knows."""
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
    """The messages of an envelope's `errors`: a list of objects or of texts, or one of them."""
    for error in errors if isinstance(errors, list) else [errors]:
        found = [error.get(key) for key in ("msg", "message", "error")] if isinstance(error, dict) else [error]
        yield from [text for text in found if isinstance(text, str)][:1]


def conditions(response: requests.Response, is_json: bool) -> Iterator[str]:
    """Those of a rule's `if` that an answer meets."""
    content = body_of(response).strip(BLANK + b"\"'")
    starts, is_object = content[:1], content.startswith(b"{")
    if response.status_code in PASSING:
        yield "passing"
    if not content:
        yield "empty"
    if starts == b"<":
        yield "html"
    if not is_json and starts and starts in b"[{\x1f":
        yield "cut_off"
    # An object that is no error; or one long text without blanks.
    is_error = content.rstrip(b" }\t\r\n") == b"{" or re.match(rb'\{\s*"errors?"\s*:', content)
    is_cipher = len(content) >= 40 and starts not in b"<[" and not any(byte <= 32 for byte in content)
    if (is_object and not is_error) or (is_cipher and not is_object):
        yield "encrypted"
    if target_of(response) not in ("", urlsplit(str(response.request.url)).netloc):
        yield "sent_elsewhere"


def target_of(response: requests.Response) -> str:
    """The host, and perhaps port, to which an answer sends the request; "" if to none."""
    location = response.headers.get("Location", "").strip()
    try:
        target = urlsplit(urljoin(str(response.request.url), location)).netloc.rsplit("@", 1)[-1]
    except ValueError:
        return ""
    return target if location and HOST.fullmatch(target) else ""


def rule_for(rules: Iterable[Rule], words: str, met: Iterable[str], status: int = 0, error: object = None) -> Rule:
    """The first rule that an answer or an error meets; the last meets all."""
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
    """The proxy that a request to this URL takes: its address without a password, and the variable that names it."""
    proxy = select_proxy(url, get_environ_proxies(url))
    if not proxy:
        return None
    names = {f"{urlsplit(url).scheme}_proxy", "all_proxy"}
    variables = [name for name, value in os.environ.items() if name.lower() in names and value.strip() == proxy]
    address = proxy.split("://", 1)[-1].rsplit("@", 1)[-1].split("/", 1)[0]
    return f"{address} (environment variable {variables[0]})" if variables else f"{address} (settings of this system)"


def bundle() -> str:
    """The file of certificates that the environment names, as `variable=path`; "" if none."""
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    return next((f"{name}={os.environ[name]}" for name in names if os.environ.get(name)), "")


def sentence(template: str, url: str, words: str, response: requests.Response | None = None) -> str:
    """A rule's message for a person."""
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
    return template.format_map(values).encode(errors="backslashreplace").decode()  # A variable's bytes may be no UTF-8.


def _about_the_clock(response: requests.Response, is_suspected: bool) -> str:
    """A further sentence where the clock of this machine is wrong; where it `is_suspected`, in any case."""
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
