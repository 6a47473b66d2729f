"""Decodes JSON leniently, because the log contains what people typed and what models wrote. A response body that is cut
off is an error: it has lost rows."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

Json = Mapping[str, Any]

MAX_PARSED_DEPTH = 200  # Levels of nesting that are parsed if a text has more than Python can parse.
MAX_DEPTH = 100  # Levels of nesting that `sanitize` keeps.
REPLACED_CHARACTERS = "U+0000 or half a surrogate, which databases refuse, was replaced by U+FFFD in a text"
"""The key under which `sanitize` counts in `repairs`."""
INVALID_CHARACTERS = re.compile("[\0\ud800-\udfff]")
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[\[\]{},]', re.S)
"""A string, which may be cut off at the end of the input, or a bracket or comma."""
CONTROL = {code: "\ufffd" for code in range(1, 32) if chr(code) not in "\t\n\r"} | {0: "\\u0000"}
"""Control characters that JSON forbids unescaped. U+0000 is only escaped here; `sanitize` replaces and counts it."""


def rows_in(body: bytes) -> list[Any]:
    """The rows of a response body: an array [D], or the array under `hits` of an object [C]. Lenient as
    `loads_leniently`, also with invalid UTF-8. Raises ValueError as that does, and TypeError for JSON without rows."""
    try:
        # orjson is fast, but makes floats of long integers and drops duplicate keys. Nothing was lost if it writes the
        # same JSON again.
        parsed = orjson.loads(body)
        written = orjson.dumps(parsed, option=orjson.OPT_STRICT_INTEGER)
        is_same = written == body or written.translate(None, b" \t\r\n") == body.translate(None, b" \t\r\n")
    except (orjson.JSONDecodeError, TypeError):  # TypeError: an integer beyond 53 bits, or nesting too deep to write.
        is_same = False
    if not is_same:
        parsed = loads_leniently(body.decode("utf-8-sig", "replace"))
    if isinstance(parsed, dict) and isinstance(parsed.get("hits"), list):
        parsed = parsed["hits"]
    if not isinstance(parsed, list):
        raise TypeError(type(parsed).__name__)
    return parsed


def loads_leniently(text: str) -> Any:
    """Decodes JSON that orjson refuses. Raises ValueError if it is cut off or no JSON.

    Unescaped control characters become U+FFFD, except tabs and line breaks. Numbers that do not fit 64 bits (long
    integers, 1e999, NaN) become strings; so do levels deeper than `MAX_PARSED_DEPTH`, if there are more than Python can
    parse. Of duplicate keys, the last keeps its name, and blanks are appended to the others.
    """
    text = text.translate(CONTROL)
    try:
        return LENIENT.decode(text)
    except RecursionError:
        return LENIENT.decode(_flattened(text))


def _with_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        last = {key: place for place, (key, _) in enumerate(pairs)}
        for place, (key, value) in enumerate(pairs):
            if last[key] != place:
                while key in found:
                    key += " "
                found[key] = value
    return found


LENIENT = json.JSONDecoder(  # `strict=False` accepts unescaped tabs and line breaks in strings.
    strict=False,
    parse_int=lambda digits: int(digits) if len(digits) < 21 and fits_64_bits(int(digits)) else digits,
    parse_float=lambda digits: float(digits) if math.isfinite(float(digits)) else digits,
    parse_constant=str,
    object_pairs_hook=_with_duplicates,
)


def fits_64_bits(value: int) -> bool:
    return -(2**63) <= value < 2**63


def _flattened(text: str) -> str:
    """The same JSON, with strings in place of values deeper than `MAX_PARSED_DEPTH` levels."""
    depth, after, begins, pieces = 0, 0, 0, []
    for token in TOKEN.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth == MAX_PARSED_DEPTH + 1:
                begins = token.start()
        elif token[0] in "]}":
            depth -= 1
            if depth == MAX_PARSED_DEPTH:
                pieces += [text[after:begins], json.dumps(text[begins : token.end()])]
                after = token.end()
    if depth:
        raise ValueError("cut off")
    return "".join([*pieces, text[after:]])


def close_truncated(text: str) -> Iterator[str]:
    """Valid JSON to try for JSON that was cut off: a string without a broken escape; all up to the last whole value."""
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


def sanitize(value: Any, repairs: Counter[str] | None = None, depth: int = 0) -> Any:
    """Replaces U+0000 and lone surrogates by U+FFFD, and values deeper than `MAX_DEPTH` levels by their JSON text. Keys
    stay distinct."""
    if isinstance(value, str):
        text = INVALID_CHARACTERS.sub("\ufffd", value)
        if repairs is not None and text != value:
            repairs[REPLACED_CHARACTERS] += 1
        return text
    if isinstance(value, dict | list) and depth == MAX_DEPTH:
        return sanitize(json.dumps(value), repairs)
    if isinstance(value, list):
        return [sanitize(inner, repairs, depth + 1) for inner in value]
    if not isinstance(value, dict):
        return value
    result: dict[str, Any] = {}
    for key, inner in value.items():
        name = sanitize(key, repairs)
        while name in result:
            name += "\ufffd"
        result[name] = sanitize(inner, repairs, depth + 1)
    return result
