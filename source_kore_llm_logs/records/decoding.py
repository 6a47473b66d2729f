"""JSON that strict readers refuse is mended: the log holds what people typed and what models wrote. An answer's body
that ends in the middle is not: it has lost rows."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

Json = Mapping[str, Any]

DEEPEST_PARSED = 200  # Levels of nesting that are parsed where a text has more than Python can.
DEEPEST_PLAIN = 100  # Levels that `plain` leaves as JSON.
MENDED_TEXTS = "U+0000 or half a surrogate, which databases refuse, was replaced by U+FFFD in a text"
"""What `plain` counts in `repairs`."""
NOT_PLAIN = re.compile("[\0\ud800-\udfff]")
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[\[\]{},]', re.S)
"""A text, which may be cut off at the end of all, or what stands between values."""
CONTROL = {code: "\ufffd" for code in range(1, 32) if chr(code) not in "\t\n\r"} | {0: "\\u0000"}
"""Control characters that JSON allows only escaped. U+0000 is escaped, so that it is counted with the escaped ones."""


def rows_in(body: bytes) -> list[Any]:
    """The rows of an answer's body: an array [D], or an object that holds one under `hits` [C]. They are mended as
    `lenient` says; invalid UTF-8 becomes U+FFFD.

    Pure and thread-safe. Raises ValueError for a body that is cut off or no JSON, TypeError for JSON that is not rows.
    """
    try:
        # orjson is quick, makes a double of a long integer, and keeps one of equal keys: is it the same if written?
        parsed = orjson.loads(body)
        written = orjson.dumps(parsed, option=orjson.OPT_STRICT_INTEGER)
        is_all = written == body or written.translate(None, b" \t\r\n") == body.translate(None, b" \t\r\n")
    except (orjson.JSONDecodeError, TypeError):  # TypeError: an integer beyond 53 bits; deeper than orjson writes.
        is_all = False
    if not is_all:
        parsed = lenient(body.decode("utf-8-sig", "replace"))
    if isinstance(parsed, dict) and isinstance(parsed.get("hits"), list):
        parsed = parsed["hits"]
    if not isinstance(parsed, list):
        raise TypeError(type(parsed).__name__)
    return parsed


def loads(text: str) -> Any:
    """What a text of JSON holds, mended where it must be. Raises ValueError as `lenient` does."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return lenient(text)


def lenient(text: str) -> Any:
    """What a text of JSON holds. Raises ValueError for what is cut off or no JSON.

    Raw control characters become U+FFFD (a tab or line break stays one). A number that 64 bits do not hold (a longer
    integer, 1e999, NaN) becomes the text of itself, as does what is deeper than `DEEPEST_PARSED` where Python cannot
    read all levels. Of equal keys the last keeps its name; the values before it stand under the key and blanks.
    """
    text = text.translate(CONTROL)
    try:
        return LENIENT.decode(text)
    except RecursionError:
        return LENIENT.decode(_flattened(text))


def _all_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        last = {key: place for place, (key, _) in enumerate(pairs)}
        for place, (key, value) in enumerate(pairs):
            if last[key] != place:
                while key in found:
                    key += " "
                found[key] = value
    return found


LENIENT = json.JSONDecoder(  # `strict=False` takes raw tabs and line breaks within texts.
    strict=False,
    parse_int=lambda digits: int(digits) if len(digits) < 21 and fits_64_bits(int(digits)) else digits,
    parse_float=lambda digits: float(digits) if math.isfinite(float(digits)) else digits,
    parse_constant=str,
    object_pairs_hook=_all_keys,
)


def fits_64_bits(value: int) -> bool:
    return -(2**63) <= value < 2**63


def _flattened(text: str) -> str:
    """The same JSON, in which what lies deeper than `DEEPEST_PARSED` levels is text."""
    depth, after, begins, pieces = 0, 0, 0, []
    for token in TOKEN.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth == DEEPEST_PARSED + 1:
                begins = token.start()
        elif token[0] in "]}":
            depth -= 1
            if depth == DEEPEST_PARSED:
                pieces += [text[after:begins], json.dumps(text[begins : token.end()])]
                after = token.end()
    if depth:
        raise ValueError("cut off")
    return "".join([*pieces, text[after:]])


def completed(text: str) -> Iterator[str]:
    """JSON that was cut off, closed behind the last value that is whole; a text, also before half an escape."""
    if text.startswith('"'):
        yield from (text[: len(text) - cut] + '"' for cut in range(6))
    end, closers, open_ones = 0, "", ""
    for token in TOKEN.finditer(text):
        if token[0] in "[{":
            open_ones = ("]" if token[0] == "[" else "}") + open_ones
        elif token[0] in "]}":
            open_ones = open_ones[1:]
        elif token[0] != ",":
            continue
        end, closers = token.start() if token[0] == "," else token.end(), open_ones
    yield text[:end] + closers


def plain(value: Any, repairs: Counter[str] | None = None, depth: int = 0) -> Any:
    """The same value with U+FFFD for U+0000 and for lone surrogates, and JSON text for what is deeper than
    `DEEPEST_PLAIN` levels. Keys that would become equal are kept apart."""
    if isinstance(value, str):
        text = NOT_PLAIN.sub("\ufffd", value)
        if repairs is not None and text != value:
            repairs[MENDED_TEXTS] += 1
        return text
    if isinstance(value, dict | list) and depth == DEEPEST_PLAIN:
        return plain(json.dumps(value), repairs)
    if isinstance(value, list):
        return [plain(inner, repairs, depth + 1) for inner in value]
    if not isinstance(value, dict):
        return value
    result: dict[str, Any] = {}
    for key, inner in value.items():
        name = plain(key, repairs)
        while name in result:
            name += "\ufffd"
        result[name] = plain(inner, repairs, depth + 1)
    return result
