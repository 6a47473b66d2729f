"""JSON as the log may hold it becomes JSON that every reader takes: strict where rows could be lost, else lenient.

The log holds what people typed and what models wrote, so a row, or a payload that was logged as text, may hold what
strict JSON refuses. That is mended. An answer's body that ends in the middle is not: it has lost rows, and must be
asked for again.
"""

import json
import math
import re
from collections import Counter
from typing import Any

import orjson

DEEPEST_PARSED = 200
"""Levels of nesting that are parsed; what lies deeper is kept as JSON text."""

DEEPEST = 100
"""Levels that `plain` leaves as JSON."""

MENDED_TEXTS = (
    "texts held U+0000 or half a surrogate, which databases refuse: it was replaced by U+FFFD "
    "(a text counts each time it is read)"
)
"""What `plain` counts in `repairs`."""

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[\[\]{},]', re.S)
"""A text, which may be cut off at the end of all, or what stands between values."""

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
    levels becomes JSON text. Of equal keys in an object the last keeps its name; the value before it (a list
    of them, if there are several) stands under the key with a blank behind it.

    Pure and thread-safe. Raises ValueError for a body that is cut off or no JSON, TypeError for JSON that is not rows.
    """
    parsed = _parsed(body)
    if isinstance(parsed, dict) and isinstance(parsed.get("hits"), list):
        parsed = parsed["hits"]
    if not isinstance(parsed, list):
        raise TypeError(type(parsed).__name__)
    return parsed


def _parsed(body: bytes) -> Any:
    try:
        parsed = orjson.loads(body)
        if _is_all(parsed, body):
            return parsed
    except (orjson.JSONDecodeError, TypeError):  # TypeError: deeper than orjson writes.
        pass
    return lenient(body.decode("utf-8-sig", "replace"))


def _is_all(parsed: Any, body: bytes) -> bool:
    """Whether orjson lost nothing: it makes a double of a long integer, and keeps the last of equal keys."""
    try:
        written = orjson.dumps(parsed, option=orjson.OPT_STRICT_INTEGER)
    except TypeError:  # An integer beyond 53 bits.
        written = orjson.dumps(parsed)
    else:
        if written == body:
            return True
    is_every_key_there = written.count(b":") == body.count(b":") and b"\\u003" not in body
    return is_every_key_there and not has_long_number(body)


def lenient(text: str) -> Any:
    """What a text of JSON holds, mended as `rows_in` says. Raises ValueError for what is cut off or no JSON."""
    text = text.translate(MENDED)
    try:
        return _loads(text)
    except RecursionError:
        return _loads(flattened(text))


def _loads(text: str) -> Any:
    # `strict=False` takes raw tabs and line breaks within texts; the rest keeps numbers that no 64 bits hold as text.
    return json.loads(
        text, strict=False, parse_int=_whole_number, parse_float=_number, parse_constant=str,
        object_pairs_hook=_all_keys,
    )  # fmt: skip


def _all_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        values: dict[str, list[Any]] = {}
        for key, value in pairs:
            values.setdefault(key, []).append(value)
        for key, (*earlier, _) in values.items():
            if earlier:
                while key in found:
                    key += " "
                found[key] = earlier[0] if len(earlier) == 1 else earlier
    return found


def _whole_number(digits: str) -> int | str:
    if len(digits) < 19:
        return int(digits)
    return int(digits) if len(digits) < 21 and fits_64_bits(int(digits)) else digits


def _number(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits


def has_long_number(body: bytes) -> bool:
    """Whether an integer beyond 64 bits may be in the body: orjson would make a double of it, and lose digits."""
    return b"0" * 19 in body.translate(DIGITS_ALIKE) and LONG_NUMBER.search(body) is not None


def fits_64_bits(value: int) -> bool:
    return -(2**63) <= value < 2**63


def flattened(text: str) -> str:
    """The same JSON, in which what lies deeper than `DEEPEST_PARSED` levels is the text of itself."""
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
    return "".join([*pieces, text[after:]])


def completed(text: str) -> str:
    """JSON that was cut off, closed behind the last value that is whole."""
    end, closers, open_ones = 0, "", ""
    for token in TOKEN.finditer(text):
        if token[0] in "[{":
            open_ones = ("]" if token[0] == "[" else "}") + open_ones
        elif token[0] in "]}":
            open_ones = open_ones[1:]
        elif token[0] != ",":
            continue
        end, closers = token.start() if token[0] == "," else token.end(), open_ones
    return text[:end] + closers


def plain(value: Any, repairs: Counter[str] | None = None, depth: int = 0) -> Any:
    """The same value without U+0000, lone surrogates, NaN, endless nesting, or integers beyond 64 bits.

    Characters that cannot stay become U+FFFD, NaN and infinities null, such integers the text of their digits. Keys
    that would become equal are kept apart.
    """
    if isinstance(value, str):
        return _plain_text(value, repairs)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return value if fits_64_bits(value) else str(value)
    if isinstance(value, dict | list) and depth >= DEEPEST:
        return plain(json.dumps(value, ensure_ascii=True), repairs)
    if isinstance(value, dict):
        result: dict[str, Any] = {}
        for key, inner in value.items():
            name = plain(key, repairs)
            while name in result:
                name += "\ufffd"
            result[name] = plain(inner, repairs, depth + 1)
        return result
    if isinstance(value, list):
        return [plain(inner, repairs, depth + 1) for inner in value]
    return value


def _plain_text(value: str, repairs: Counter[str] | None) -> str:
    mended = re.sub("[\0\ud800-\udfff]", "\ufffd", value)
    if repairs is not None and mended != value:
        repairs[MENDED_TEXTS] += 1
    return mended
