"""What a row is known by: its `id`, and its columns whatever the spelling of their keys."""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import orjson

Row = Mapping[str, Any]


@lru_cache(maxsize=4096)
def fold(key: str) -> str:
    """`Feature Name `, `featureName` and `FEATURE_NAME` are one column."""
    return "".join(key.split()).replace("_", "").casefold()


def row_id(bot_id: str, row: Row) -> str:
    """32 hex digits that stand for the whole row: the order and the spelling of its keys do not matter.

    The API gives no id [D]. The bot is part of it, so that equal rows of two bots stay two.

    Raises orjson.JSONEncodeError for a row that is not plain JSON (see `plain`).
    """
    folded: dict[str, Any] = {}
    for key, value in row.items():
        name = fold(key)
        if name == "payloaddetails" and isinstance(value, dict):
            inner = {fold(k): v for k, v in value.items()}
            value = inner if len(inner) == len(value) else value
        folded[name if name not in folded else key] = value
    return blake2b(orjson.dumps([[[bot_id, folded]]], option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()
