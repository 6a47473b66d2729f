"""Redacts records by an allow list (`redaction.yaml`): keeps known keys at known places, with plausible numbers, words
of closed vocabularies, and model names and ids in their provider's form. Removes everything else: unknown keys, other
text, and lists of numbers, because tokens, log probabilities and embeddings encode text."""

import re
from base64 import b64decode
from collections.abc import Callable, Container, Mapping
from functools import lru_cache
from typing import Any

from source_kore_llm_logs.records import providers, table
from source_kore_llm_logs.records.decoding import Json
from source_kore_llm_logs.records.identity import NAMES, fold

REMOVED = "[redacted]"
"""Replaces a removed value. As a key, it has the number of removed columns."""
LONGEST_NAME = 256  # Characters of the name of a task, prompt, node or model, which has one line.
LONGEST_WORD = 160  # Characters of a text that is kept from a payload.
TABLE = table("redaction")


def words(name: str) -> frozenset[str]:
    return frozenset(" ".join(TABLE[name]).split())


FINISH_REASONS = words("finish_reasons")
ERRORS = words("errors").union(providers.GATEWAY_REASONS, providers.GATEWAY_ERRORS)
MODEL = re.compile(TABLE["model"], re.VERBOSE | re.IGNORECASE | re.ASCII)
RESPONSE_ID = re.compile(TABLE["response_id"], re.VERBOSE | re.ASCII)


@lru_cache(maxsize=1024)
def is_model(value: str) -> bool:
    return MODEL.fullmatch(value) is not None


def is_id(value: str) -> bool:
    return RESPONSE_ID.fullmatch(value) is not None or is_gemini_id(value)


def is_gemini_id(value: str) -> bool:
    """Whether a text is base64 of a time in seconds (2020 to 2039) and three varints. google-genai documents
    `responseId` as "the encoding of the event_id"; every public sample has this form."""
    try:
        event = b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return False
    second, numbers = int.from_bytes(event[:4], "little"), event[4:]
    is_whole = 20 <= len(value) <= 32 and sum(byte < 128 for byte in numbers) == 3 and numbers[-1] < 128
    return is_whole and 1_577_836_800 <= second < 2_208_988_800


def is_plausible(value: Any) -> bool:
    """Whether a value is a number in the range of parameters and counts, too small to encode text. No boolean, no
    NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 10**9


NUMBERS_KEPT = words("numbers").union(providers.COUNTS, providers.PARAMETER_KEYS.keys() - set(providers.MODELS))
TEXTS_KEPT: Mapping[str, Callable[[str], bool]] = {
    **dict.fromkeys(providers.MODELS, is_model),
    **dict.fromkeys(providers.IDS, is_id),
    **dict.fromkeys(providers.REASONS, FINISH_REASONS.__contains__),
    **dict.fromkeys(
        (*providers.REASONS_INSIDE, *providers.ERROR_KINDS, "error"), (ERRORS | FINISH_REASONS).__contains__
    ),
    **dict.fromkeys(("message", "msg"), providers.GATEWAY_ERRORS.__contains__),
    **dict.fromkeys(("reasoningeffort", "effort"), words("efforts").__contains__),
    "object": words("objects").__contains__,
}
"""Folded keys whose text is kept if it passes the test."""
KEPT = NUMBERS_KEPT | TEXTS_KEPT.keys()
OBJECTS_KEPT = words("inside").union(providers.HOLDERS, providers.USAGES)
LISTS_KEPT: Mapping[str, tuple[int, Container[str]]] = {
    **dict.fromkeys(providers.ANSWERS, (128, providers.REASONS)),
    "results": (1, providers.COUNTS.union(providers.REASONS)),
    "errors": (1, KEPT),
}
"""Lists of which some objects are kept: how many, and which of their keys. Many numbers could encode text."""
COLUMNS_KEPT = words("other_columns") | NAMES.keys()


def redact_payload(payload: Json, keys: Container[str] = KEPT, depth: int = 4) -> dict[str, Any]:
    """Keeps parameters, usage, finish reasons, kinds of error, model and response id."""
    left: dict[str, Any] = {}
    for key, value in payload.items():
        name = fold(key)
        if isinstance(value, dict):
            if depth and name in OBJECTS_KEPT:
                left[key] = redact_payload(value, depth=depth - 1)
        elif isinstance(value, list):
            most, keys_inside = LISTS_KEPT.get(name, (0, ()))
            if most:
                left[key] = [redact_payload(item, keys_inside, 1) for item in value[:most] if isinstance(item, dict)]
        elif name in keys and is_kept(name, value):
            left[key] = value
    return left


def is_kept(name: str, value: Any) -> bool:
    if isinstance(value, str):
        return name in TEXTS_KEPT and len(value) <= LONGEST_WORD and TEXTS_KEPT[name](value)
    return name in NUMBERS_KEPT and is_plausible(value)


def redact_columns(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Known columns, with their values if those are numbers or booleans. Unknown columns are only counted."""
    left: dict[str, Any] = {}
    for key, value in columns.items():
        if fold(key) in COLUMNS_KEPT:
            left[key] = value if value is None or isinstance(value, bool) or is_plausible(value) else REMOVED
    unknown = len(columns) - len(left)
    return {**left, REMOVED: unknown} if unknown else left


def is_name(value: Any) -> bool:
    """Whether the value of a column of names may be kept: it has one line, and is not long."""
    return not isinstance(value, str) or (len(value) <= LONGEST_NAME and value.splitlines() in ([], [value]))
