"""Proof that the database holds the emulator's rows: every one, and each once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import duckdb

Fingerprint = tuple[Any, ...]

# Token counts are left out: the connector takes them from the payload where the row has none.
# The columns of a record that tell two rows apart, and the API's key for each, trimmed and folded.
COMPARED = {
    "start_date": "start date",
    "end_date": "end date",
    "time_taken_ms": "time taken",
    "status": "status",
    "user_id": "user id",
    "model_name": "model name",
    "feature_name": "feature name",
    "task_id": "task id",
    "channel_name": "channel name",
    "description": "description",
}
DATES = ("start_date", "end_date")


def of_raw_rows(rows: Iterable[dict[str, Any]]) -> Counter[Fingerprint]:
    """Count the rows as the API would send them."""
    return Counter(_of_raw_row(row) for row in rows)


def of_table(database: duckdb.DuckDBPyConnection, bot_id: str) -> Counter[Fingerprint]:
    """Count one bot's rows in the table."""
    columns = ", ".join(f"epoch_ms({name})" if name in DATES else name for name in COMPARED)
    rows = database.execute(f"SELECT {columns} FROM llm_usage_logs WHERE bot_id = ?", [bot_id]).fetchall()
    return Counter(rows)


def _of_raw_row(row: dict[str, Any]) -> Fingerprint:
    by_key = {key.strip().lower(): value for key, value in row.items()}
    values = ((name, by_key.get(key)) for name, key in COMPARED.items())
    return tuple(_milliseconds(value) if name in DATES else value for name, value in values)


def _milliseconds(moment: str | None) -> int | None:
    if not moment:
        return None
    return math.floor(datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp() * 1000 + 0.5)
