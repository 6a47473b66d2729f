"""What a row is known by: its columns whatever the spelling of their keys, and its `id`."""

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
    """`Feature Name `, `featureName`, `FEATURE_NAME` and `feature-name` are one column."""
    return "".join(key.split()).replace("_", "").replace("-", "").casefold()


def folded(row: Json) -> dict[str, Any]:
    """The same object under folded keys."""
    return {fold(key): value for key, value in row.items()}


DETAIL_NAMES = folded(DETAILS)
NAMES = {**OTHER_NAMES, **DETAIL_NAMES, **folded(COLUMNS)}
NOTHING = ("", None)


class Columns(NamedTuple):
    """The columns of an object. Each of its keys is in exactly one of the three, but for a twin that is null."""

    known: dict[str, tuple[str, Any]]  # Column -> the key as it was spelled, and the value.
    twins: dict[str, Any]  # Keys of a column that another key won.
    others: dict[str, Any]  # Keys that are not known.


def columns_of(row: Json, names: Mapping[str, str]) -> Columns:
    """The columns of an object, by folded names. Which of several keys of one column wins does not rest on their order:
    one with a value, then one that is no other name, then the documented spelling, then the first by code points."""
    known, twins, others = columns = Columns({}, {}, {})
    rivals = []
    for key, value in row.items():
        name = fold(key)
        if name not in names or (value is None and name in OTHER_NAMES):
            others[key] = value
        elif known.setdefault(names[name], (key, value))[0] != key:
            rivals.append((names[name], (key, value)))
    for column, rival in rivals:
        known[column], (key, value) = sorted((known[column], rival), key=_rank)
        if value is not None:
            (others if fold(key) in OTHER_NAMES else twins)[key] = value
    return columns


def _rank(sent: tuple[str, Any]) -> tuple[bool, bool, bool, str]:
    key, value = sent
    return value is None, fold(key) in OTHER_NAMES, key not in COLUMNS and key not in DETAILS, key


LONGEST_ID = 128
"""A provider's id is one word of at most so many characters; anything else in its place may be text."""


def row_id(bot_id: str, row: Json, columns: Columns, details: Columns, record: Json) -> str:
    """32 hex digits that stand for the call, not for what was said in it. The API gives no id [D].

    A hash of the bot, the documented columns, the token counts, the provider's id of the answer, and the sizes of the
    payloads as compact JSON; counts and payloads are those of `record`, which is not redacted yet. So it stays when
    Kore.ai adds a column (it does, release by release [D]), spells or orders keys in another way, or fills in later the
    counts that the provider gave; and nobody can confirm a guessed prompt by it. A row that has none of these is hashed
    whole. A key that is spelled twice counts with both of its values, unless equal.
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
    counted += [twins for those in (columns, details) if those.twins and (twins := _different_twins(those))]
    if all(value is None or value == "" for value in counted):
        counted = [row]
    told = [bot_id, known.get("bot_id", NOTHING)[1], *counted]
    return blake2b(orjson.dumps(told, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _size(payload: Any) -> int | None:
    return None if payload is None else len(orjson.dumps(payload))


def _different_twins(columns: Columns) -> dict[str, Any]:
    """The twins whose value is another than that of the key which won; of payloads, their size."""
    found: dict[str, Any] = {}
    for key, value in columns.twins.items():
        column = NAMES[fold(key)]
        won, twin = (orjson.dumps(v, option=orjson.OPT_SORT_KEYS) for v in (columns.known[column][1], value))
        if won != twin:
            found[key] = len(twin) if "payload" in column else value
    return found
