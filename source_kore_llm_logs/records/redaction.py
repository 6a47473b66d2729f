"""What may stay when prompts and answers must go: known keys at known places, and there only sensible numbers, words of
closed vocabularies, and model names and ids that look like their provider's (`redaction.yaml`). All else goes: unknown
keys, all other text, all lists of numbers (tokens, log probabilities, embeddings are text too)."""

import re
from base64 import b64decode
from collections.abc import Callable, Container, Mapping
from functools import lru_cache
from typing import Any

from source_kore_llm_logs.records import providers, table
from source_kore_llm_logs.records.decoding import Json
from source_kore_llm_logs.records.identity import NAMES, fold

REMOVED = "[redacted]"
"""Stands for a value that was removed; as a key, for columns that were, with their number."""
LONGEST_NAME = 256  # Characters, in one line, of the name of a task, prompt, node or model.
LONGEST_WORD = 160  # Characters of a text that may stay of a payload.
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
    """Whether a text is base64 of a second (of 2020 to 2039) and three numbers of seven bits a byte. google-genai
    documents `responseId` as "the encoding of the event_id"; that it begins so was seen in every public sample."""
    try:
        event = b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return False
    second, numbers = int.from_bytes(event[:4], "little"), event[4:]
    is_whole = 20 <= len(value) <= 32 and sum(byte < 128 for byte in numbers) == 3 and numbers[-1] < 128
    return is_whole and 1_577_836_800 <= second < 2_208_988_800


def is_sensible(value: Any) -> bool:
    """A number that a parameter or a count can be, not one that encodes something; no truth value, no NaN."""
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
"""Keys, folded as a column's are, of which a sensible number may stay, and a text that passes the test."""
KEPT = NUMBERS_KEPT | TEXTS_KEPT.keys()
OBJECTS_KEPT = words("inside").union(providers.HOLDERS, providers.USAGES)
LISTS_KEPT: Mapping[str, tuple[int, Container[str]]] = {
    **dict.fromkeys(providers.ANSWERS, (128, providers.REASONS)),
    "results": (1, providers.COUNTS.union(providers.REASONS)),
    "errors": (1, KEPT),
}
"""How many objects of a list may stay, and which of their keys: many numbers could be a text."""
COLUMNS_KEPT = words("other_columns") | NAMES.keys()


def harmless(payload: Json, keys: Container[str] = KEPT, depth: int = 4) -> dict[str, Any]:
    """What may stay of a payload: parameters, usage, finish reasons, kinds of error, model and response id."""
    left: dict[str, Any] = {}
    for key, value in payload.items():
        name = fold(key)
        if isinstance(value, dict):
            if depth and name in OBJECTS_KEPT:
                left[key] = harmless(value, depth=depth - 1)
        elif isinstance(value, list):
            most, keys_inside = LISTS_KEPT.get(name, (0, ()))
            if most:
                left[key] = [harmless(item, keys_inside, 1) for item in value[:most] if isinstance(item, dict)]
        elif name in keys and is_harmless(name, value):
            left[key] = value
    return left


def is_harmless(name: str, value: Any) -> bool:
    if isinstance(value, str):
        return name in TEXTS_KEPT and len(value) <= LONGEST_WORD and TEXTS_KEPT[name](value)
    return name in NUMBERS_KEPT and is_sensible(value)


def harmless_columns(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Known columns keep their names, and numbers and truth values; of all others only their number is told."""
    left: dict[str, Any] = {}
    for key, value in columns.items():
        if fold(key) in COLUMNS_KEPT:
            left[key] = value if value is None or isinstance(value, bool) or is_sensible(value) else REMOVED
    unknown = len(columns) - len(left)
    return {**left, REMOVED: unknown} if unknown else left


def is_name(value: Any) -> bool:
    """Whether a column of names holds one, not a text."""
    return not isinstance(value, str) or (len(value) <= LONGEST_NAME and value.splitlines() in ([], [value]))
