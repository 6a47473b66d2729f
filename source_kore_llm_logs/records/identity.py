"""Identifies the columns of a row, however their keys are spelled, and computes the row's `id`."""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from source_kore_llm_logs.records import table
from source_kore_llm_logs.records.decoding import Json

TABLE: Mapping[str, Any] = table("columns")
COLUMNS, DETAILS, OTHER_NAMES = TABLE["row"], TABLE["details"], TABLE["other_names"]
IN_THE_ID: list[str] = TABLE["in_the_id"]


@lru_cache(maxsize=4096)
def fold(key: str) -> str:
    """The normalized form of a key: the same for `Feature Name `, `featureName`, `FEATURE_NAME` and `feature-name`."""
    return "".join(key.split()).replace("_", "").replace("-", "").casefold()


def folded(row: Json) -> dict[str, Any]:
    return {fold(key): value for key, value in row.items()}


DETAIL_NAMES = folded(DETAILS)
NAMES = {**OTHER_NAMES, **DETAIL_NAMES, **folded(COLUMNS)}
NOTHING = ("", None)


class Columns(NamedTuple):
    """The keys of an object by kind. Each key is in exactly one field, except a duplicate that is null: in none."""

    known: dict[str, tuple[str, Any]]  # Column -> the key as it was spelled, and the value.
    duplicates: dict[str, Any]  # Other keys of a column in `known`.
    others: dict[str, Any]  # Unknown keys.


def columns_of(row: Json, names: Mapping[str, str]) -> Columns:
    """Sorts the keys of an object by `names` (folded key -> column). Of several keys of one column, in any order, the
    first of these is used: with a value, not in `OTHER_NAMES`, spelled as documented, first by code points."""
    known, duplicates, others = columns = Columns({}, {}, {})
    rivals = []
    for key, value in row.items():
        name = fold(key)
        if name not in names:
            others[key] = value
        elif known.setdefault(names[name], (key, value))[0] != key:
            rivals.append((names[name], (key, value)))
    for column, rival in rivals:
        known[column], (key, value) = sorted((known[column], rival), key=_rank)
        if value is not None:
            (others if fold(key) in OTHER_NAMES else duplicates)[key] = value
    return columns


def _rank(sent: tuple[str, Any]) -> tuple[bool, bool, bool, str]:
    key, value = sent
    return value is None, fold(key) in OTHER_NAMES, key not in COLUMNS and key not in DETAILS, key


LONGEST_ID = 128  # Characters of a provider's response id, which is one word. Anything else may be generated text.


def row_id(bot_id: str, row: Json, columns: Columns, details: Columns, record: Json) -> str:
    """The primary key of a row, 32 hex digits. The API gives none [D].

    A hash of the bot, the documented columns, the token counts, the provider's response id, and the sizes of the
    payloads as compact JSON. Counts and payloads are those of `record`, which must not be redacted yet. Duplicate keys
    count if their values differ. A row without any of these is hashed whole. So the id does not change if Kore.ai adds
    columns (it does, release by release [D]), changes the spelling or order of keys, or later fills in the provider's
    token counts. And nobody can use it to confirm a guessed prompt.
    """
    response_id = record["response_id"]
    if response_id is not None and (len(response_id) > LONGEST_ID or response_id.split() != [response_id]):
        response_id = None
    known = columns.known
    counted = [
        response_id, *(known.get(column, NOTHING)[1] for column in IN_THE_ID),
        details.known.get("prompt_name", NOTHING)[1],
        record["request_tokens"], record["response_tokens"],
        _size(record["request_payload"]), _size(record["response_payload"]),
    ]  # fmt: skip
    if not details.known and "payload_details" in known:
        counted.append(_size(known["payload_details"][1]))
    counted += [different for those in (columns, details) if (different := _different_duplicates(those))]
    if all(value is None or value == "" for value in counted):
        counted = [row]
    hashed = [bot_id, known.get("bot_id", NOTHING)[1], *counted]
    return blake2b(orjson.dumps(hashed, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _size(payload: Any) -> int | None:
    return None if payload is None else len(orjson.dumps(payload))


def _different_duplicates(columns: Columns) -> dict[str, Any]:
    """The duplicates whose value differs from that of the known key; for a payload, its size."""
    found: dict[str, Any] = {}
    for key, value in columns.duplicates.items():
        column = NAMES[fold(key)]
        used, own = (orjson.dumps(v, option=orjson.OPT_SORT_KEYS) for v in (columns.known[column][1], value))
        if used != own:
            found[key] = len(own) if "payload" in column else value
    return found
