"""The body of an answer becomes rows: strict where rows could be lost, forgiving inside a row.

The log holds what people typed and what models wrote, so one row may hold bytes that strict JSON refuses. Such a row
is mended. A body that ends in the middle is not: it has lost rows, and must be asked for again. What tells the two
apart is that a mended body still has to be whole JSON.
"""

import json
import math
import re
from typing import Any

import orjson

DEEPEST_PARSED = 200
"""Levels of nesting that are parsed; what lies deeper is kept as JSON text."""

JSON_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.S)
LONG_NUMBER = re.compile(rb"[\[:,\s]-?[0-9]{19,}\s*[\]},]")
"""An integer that may not fit into 64 bits, where a value stands. It may also be met within a text."""

DIGITS_ALIKE = bytes(48 if 48 <= byte < 58 else 32 for byte in range(256))
"""Makes each digit a `0` and all else a space."""

WHITE_SPACE = "\t\n\r"
MENDED = {code: "\ufffd" for code in range(1, 32) if chr(code) not in WHITE_SPACE} | {0: "\\u0000"}
"""Control characters that JSON allows only escaped. U+0000 is escaped, so that it is counted with the escaped ones."""


def rows_in(body: bytes) -> list[Any]:
    """The rows of an answer's body: an array [D], or an object that holds one under `hits` [C].

    Invalid UTF-8 and raw control characters become U+FFFD (a raw tab or line break stays one). A number that 64 bits
    do not hold (a longer integer, 1e999, NaN) becomes the text of itself, what is nested deeper than `DEEPEST_PARSED`
    levels becomes JSON text.

    Pure, and safe to call from several threads. Raises ValueError for a body that is cut off or no JSON, TypeError for
    JSON that is not rows.
    """
    parsed = _parsed(body)
    if isinstance(parsed, dict) and isinstance(parsed.get("hits"), list):
        parsed = parsed["hits"]
    if not isinstance(parsed, list):
        raise TypeError(type(parsed).__name__)
    return parsed


def _parsed(body: bytes) -> Any:
    if not has_long_number(body):
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass
    text = body.decode("utf-8-sig", "replace").translate(MENDED)
    try:
        return _loads(text)
    except RecursionError:
        return _loads(flattened(text))


def _loads(text: str) -> Any:
    # `strict=False` takes raw tabs and line breaks within texts; the rest keeps numbers that no 64 bits hold as text.
    return json.loads(text, strict=False, parse_int=_whole_number, parse_float=_number, parse_constant=str)


def _whole_number(digits: str) -> int | str:
    if len(digits) < 19:
        return int(digits)
    return int(digits) if len(digits) < 21 and -(2**63) <= int(digits) < 2**63 else digits


def _number(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits


def has_long_number(body: bytes) -> bool:
    """Whether an integer beyond 64 bits may be in the body: orjson would make a double of it, and lose digits."""
    return b"0" * 19 in body.translate(DIGITS_ALIKE) and LONG_NUMBER.search(body) is not None


def flattened(text: str) -> str:
    """The same JSON, in which what lies deeper than `DEEPEST_PARSED` levels is the text of itself."""
    depth, after, begins, pieces = 0, 0, 0, []
    for token in JSON_STRING_OR_BRACKET.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth == DEEPEST_PARSED + 1:
                begins = token.start()
        elif token[0] in "]}":
            depth -= 1
            if depth == DEEPEST_PARSED:
                pieces += [text[after:begins], json.dumps(text[begins : token.end()])]
                after = token.end()
    return "".join([*pieces, text[after:]])
