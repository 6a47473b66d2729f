"""JSON that every reader of records accepts, whatever the log holds."""

import json
import math
from collections import Counter
from typing import Any

DEEPEST = 100
"""Levels of nesting that are kept as JSON; what lies deeper is kept as JSON text."""

NUL_TEXTS = "texts held U+0000, which databases refuse: it was replaced by U+FFFD (a text counts each time it is read)"
"""What `plain` counts in `repairs`."""


def plain(value: Any, repairs: Counter[str] | None = None, depth: int = 0) -> Any:
    """The same value without U+0000, lone surrogates, NaN, endless nesting, or integers beyond 64 bits.

    Characters that cannot stay become U+FFFD or `?`, NaN and infinities null, such integers the text of their digits.
    Keys that would become equal are kept apart.
    """
    if isinstance(value, str):
        if "\0" in value:
            if repairs is not None:
                repairs[NUL_TEXTS] += 1
            value = value.replace("\0", "\ufffd")
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
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


def fits_64_bits(value: int) -> bool:
    return -(2**63) <= value < 2**63
