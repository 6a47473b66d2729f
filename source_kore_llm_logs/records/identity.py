"""What a row is known by: its columns whatever the spelling of their keys, and its `id`."""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

Row = Mapping[str, Any]
Known = dict[str, tuple[str, Any]]

DOCUMENTED = (
    "Prompt Name", "Integration", "start Date", "End Date", "Time Taken", "statusCode", "Bot ID", "User ID",
    "Feature Name ", "Model Name", "Channel Name", "Description", "task Id", "Status", "Payload Details",
)  # fmt: skip
"""The keys of a row, as the vendor's sample spells them [D]."""

DETAILS = ("Prompt Name", "Request Payload", "Response Payload", "Request Tokens", "Response Tokens")
"""The keys of its `Payload Details` [D]."""


@lru_cache(maxsize=4096)
def fold(key: str) -> str:
    """`Feature Name `, `featureName`, `FEATURE_NAME` and `feature-name` are one column."""
    return "".join(key.split()).replace("_", "").replace("-", "").casefold()


def folded(row: Row) -> dict[str, Any]:
    """The same object under folded keys."""
    return {fold(key): value for key, value in row.items()}


OTHER_NAMES = {
    "feature": "featurename",  # An older client [C, weak]; the product's screen and export [D].
    "model": "modelname",
    "channel": "channelname",
    "koreuserid": "userid",
    "streamid": "botid",  # The vendor's page calls the bot's id so, too [D].
    "starttime": "startdate",
    "endtime": "enddate",
    "timetakenms": "timetaken",
    "timetaken(ms)": "timetaken",
}
"""Other names of columns, folded. One is taken only where its column is missing or null: what Kore.ai adds beside a
column is another."""


class Columns(NamedTuple):
    """The columns of an object, sorted by what is known of them. Each key of the object is in exactly one of the three,
    but for a twin that is null."""

    known: Known
    """Folded name -> the key as it was spelled, and the value."""
    twins: dict[str, Any]
    """Keys that fold to a known name, too, and did not win it."""
    others: dict[str, Any]
    """Keys that are not known."""


def columns_of(row: Row, spellings: Mapping[str, str]) -> Columns:
    """Of several keys that fold to one name, the one with a value wins, then the documented spelling (`spellings`:
    folded name -> key), then the first in the order of code points: the order of the keys decides nothing."""
    columns = Columns({}, {}, {})
    known = columns.known
    for key, value in row.items():
        name = fold(key)
        if name not in spellings:
            columns.others[key] = value
        elif name not in known:
            known[name] = (key, value)
        else:
            spelling = spellings[name]
            known[name], (twin, lost) = sorted(
                (known[name], (key, value)), key=lambda pair: (pair[1] is None, pair[0] != spelling, pair[0])
            )
            if lost is not None:
                columns.twins[twin] = lost
    if columns.others:
        take_other_names(columns, spellings)
    return columns


def take_other_names(columns: Columns, spellings: Mapping[str, str]) -> None:
    for key in sorted(columns.others):
        name = OTHER_NAMES.get(fold(key), "")
        missing = name in spellings and columns.known.get(name, ("", None))[1] is None
        if missing and columns.others[key] is not None:
            columns.known[name] = (key, columns.others.pop(key))


FLAT = tuple(fold(key) for key in DOCUMENTED if key not in ("Bot ID", "Payload Details"))
PAYLOADS = frozenset(["requestpayload", "responsepayload", "payloaddetails"])
LONGEST_ID = 128
"""A provider's id is one word of at most so many characters; anything else in its place may be text."""


def row_id(
    bot_id: str, row: Row, columns: Columns, details: Columns, record: Mapping[str, Any], response_id: str | None
) -> str:
    """32 hex digits that stand for the call, not for what was said in it.

    A hash of the bot, the documented columns, the token counts, the provider's id of the answer, and of payloads
    nothing but their sizes in bytes of compact JSON. So the id stays when Kore.ai adds a column (it does, release by
    release [D]; `Session ID` is such a one), spells or orders keys in another way, or when payloads are redacted; and
    nobody can confirm a guessed prompt by it. A row that has none of these is hashed whole.

    The token counts and payloads are those of `record`, whose payloads are still as they were sent: a log that fills
    in its own counts later, equal to the provider's, does not make another row. The API gives no id [D]. All that is
    passed is plain JSON. A key that is spelled twice counts with both of its values, unless they are equal.
    """
    known = columns.known
    if response_id is not None and (len(response_id) > LONGEST_ID or response_id.split() != [response_id]):
        response_id = None
    counted = [response_id, *[known[name][1] if name in known else None for name in FLAT]]
    counted += (
        details.known["promptname"][1] if "promptname" in details.known else None,
        record["request_tokens"], record["response_tokens"],
        size(record["request_payload"]), size(record["response_payload"]),
    )  # fmt: skip
    if not details.known and "payloaddetails" in known:
        counted.append(size(known["payloaddetails"][1]))
    if columns.twins or details.twins:
        counted += [twins for twins in (different(columns), different(details)) if twins]
    if all(value is None or value == "" for value in counted):
        counted = [row]
    told = [bot_id, known["botid"][1] if "botid" in known else None, *counted]
    return blake2b(orjson.dumps(told, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def size(payload: Any) -> int | None:
    """Bytes of a payload as compact JSON, in which the order of keys does not matter."""
    return None if payload is None else len(orjson.dumps(payload))


def different(columns: Columns) -> dict[str, Any]:
    """The twins whose value is another than that of the key which won; of payloads, their size."""
    found: dict[str, Any] = {}
    for key, value in columns.twins.items():
        name = fold(key)
        won, twin = (orjson.dumps(v, option=orjson.OPT_SORT_KEYS) for v in (columns.known[name][1], value))
        if won != twin:
            found[key] = len(twin) if name in PAYLOADS else value
    return found
