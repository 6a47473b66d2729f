"""A table as Airbyte's own destination for PostgreSQL writes it, made here: there is no package of that destination.

The form is that of its documentation: https://docs.airbyte.com/integrations/destinations/postgres (data type map) and
https://docs.airbyte.com/understanding-airbyte/airbyte-metadata-fields.
"""

import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

TABLE = "llm_usage_logs"
META = {
    "_airbyte_raw_id": "varchar(36)",
    "_airbyte_extracted_at": "timestamptz",
    "_airbyte_meta": "jsonb",
    "_airbyte_generation_id": "bigint",
}
KINDS = {"integer": "bigint", "number": "decimal(38, 9)", "string": "varchar", "boolean": "boolean"}


def columns(schema: Mapping[str, Any]) -> dict[str, str]:
    """Column -> type, from the stream's JSON schema."""
    return {name: _type(column) for name, column in schema["properties"].items()} | META


def _type(column: Mapping[str, Any]) -> str:
    if column.get("airbyte_type") == "timestamp_with_timezone":
        return "timestamptz"
    kinds = {column["type"]} if isinstance(column.get("type"), str) else set(column.get("type", ())) - {"null"}
    return KINDS[kinds.pop()] if len(kinds) == 1 and kinds <= KINDS.keys() else "jsonb"


def write(port: int, table_schema: str, schema: Mapping[str, Any], syncs: Iterable[list[Mapping[str, Any]]]) -> None:
    """The records of each sync, an hour between the syncs, in Append mode: what was read twice is there twice."""
    psql = shutil.which("psql") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/psql")), None)
    if psql is None:
        pytest.skip("psql is not installed; `apt-get install postgresql` installs it")
    table = f"{table_schema}.{TABLE}"
    statements = [f"CREATE SCHEMA {table_schema}; CREATE TABLE {table} ("]
    statements += [", ".join(f"{name} {kind}" for name, kind in columns(schema).items()), ");"]
    for number, records in enumerate(syncs, 1):
        rows = [
            {
                **record,
                "_airbyte_raw_id": f"{number}-{place}",
                "_airbyte_extracted_at": f"2026-01-01T{number:02d}:00:00+01:00",
                "_airbyte_meta": {"sync_id": 40 + number, "changes": []},
                "_airbyte_generation_id": 0,
            }
            for place, record in enumerate(records)
        ]
        # U+0000, which PostgreSQL does not take, is left out, as the destination does.
        text = json.dumps(rows).replace("\\u0000", "").replace("'", "''")
        statements.append(f"INSERT INTO {table} SELECT * FROM json_populate_recordset(null::{table}, '{text}');")
    command = [psql, "-q", "-v", "ON_ERROR_STOP=1", f"postgresql://kore@127.0.0.1:{port}/postgres"]
    subprocess.run(command, input="\n".join(statements), text=True, check=True, timeout=60)
