"""Rows to copy, the records they must become, and how records are compared with what a destination holds."""

import json
import math
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

from integration_tests.destinations.column_types import KIND
from integration_tests.kore_emulator import NOW, Emulator, generate_rows
from source_kore_llm_logs.records.record import Record, to_record

BOTS = ("st-alpha", "st-beta")

PAYLOADS: tuple[Any, ...] = (
    "123",
    "null",
    'He said "no"\n\t\\ 😞',
    '{"a": 1}',
    "",
    {"temperature": 1 / 3, "top_p": 0.1, "empty": {}, "none": None, "big": 2**60 + 1, "tiny": 1e-12},
    [1, 2.5, "x", None, {"y": []}],
    12,
    0.25,
    False,
    None,
)
"""Whatever JSON a model may log: texts that look like JSON, an empty text, bare values, an absent payload."""


def odd_rows(bot_id: str) -> list[dict[str, Any]]:
    """A row for each payload, with whole numbers beyond a double's 53 bits and columns that nobody knows."""
    ended = NOW.replace(microsecond=123_000) - timedelta(days=2)
    return [
        {
            "Bot ID": bot_id,
            "Description": f"odd {number}",
            "User ID": "007",
            "task Id": "2024-01-01" if number % 2 else "task 1",
            "Time Taken": 2**53 + 1 + number,
            "End Date": f"{ended + timedelta(seconds=number):%Y-%m-%dT%H:%M:%S.%f}"[:23] + "Z",
            "Status": "Success",
            "Payload Details": {"Request Payload": payload, "Response Payload": PAYLOADS[number - 1]},
            **({"New Column": {"nested": [number]}, "Language": "日本語"} if number % 3 == 0 else {}),
        }
        for number, payload in enumerate(PAYLOADS)
    ]


def old_rows() -> dict[str, list[dict[str, Any]]]:
    """Rows of the last weeks, none so young that a second sync reads it again."""
    end = NOW - timedelta(hours=6)
    return {bot: generate_rows(bot, end - timedelta(days=20), end, 60, seed=5) + odd_rows(bot) for bot in BOTS}


def add_young_rows(emulator: Emulator, count: int, seed: int) -> list[Record]:
    """Rows of the last minutes, which each sync within the next half hour reads again by its lookback; as records."""
    end = NOW - timedelta(minutes=2)
    rows = {bot: generate_rows(bot, end - timedelta(minutes=15), end, count, seed) for bot in BOTS}
    for bot, some in rows.items():
        emulator.add_rows(bot, some)
    return records_of(rows)


def records_of(rows: dict[str, list[dict[str, Any]]]) -> list[Record]:
    return [to_record(bot, row) for bot, some in rows.items() for row in some]


def all_records(emulator: Emulator) -> list[Record]:
    return records_of({bot: emulator.rows(bot) for bot in BOTS})


def assert_same_rows(
    found: Iterable[dict[str, Any]],
    expected: Iterable[Record],
    *,
    decimals: int | None = None,
    digits: int | None = None,
) -> None:
    """The destination's rows are the records: as many of each, and equal in every column.

    `found` are rows as the destination gave them: timestamps in ISO 8601 (UTC where no offset is said), JSON as
    text. `decimals`: places that its number columns hold. `digits`: significant digits that any number keeps.
    """
    rows = Counter(_exact(_comparable(row, digits, None, as_text=True)) for row in found)
    records = Counter(_exact(_comparable(record, digits, decimals, as_text=False)) for record in expected)
    assert rows == records, f"found: {[*(rows - records)][:3]}, expected: {[*(records - rows)][:3]}"


def _exact(row: dict[str, Any]) -> str:
    """JSON text tells 1 from 1.0 and from true."""
    return json.dumps(row, sort_keys=True, default=str)


def _comparable(row: dict[str, Any], digits: int | None, decimals: int | None, *, as_text: bool) -> dict[str, Any]:
    compared: dict[str, Any] = {}
    for column, kind in KIND.items():
        value = row[column]
        if value is None:
            pass
        elif kind == "timestamp":
            moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
            value = moment.replace(tzinfo=moment.tzinfo or timezone.utc).astimezone(timezone.utc)
        elif kind == "number":
            value = float(value)
            value = round(value, decimals) if decimals is not None else value
        elif kind == "json":
            value = json.loads(value) if as_text else value
        compared[column] = value if digits is None else _shortened(value, digits)
    return compared


def _shortened(value: Any, digits: int) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(inner, digits) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shortened(inner, digits) for inner in value]
    if isinstance(value, float) or (isinstance(value, int) and abs(value) >= 2**53):
        return value if math.isinf(value) else float(f"{float(value):.{digits}g}")
    return value
