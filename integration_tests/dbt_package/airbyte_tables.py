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

from integration_tests.destinations.column_types import expected_types

TABLE = "llm_usage_logs"
META = {
    "_airbyte_raw_id": "varchar(36)",
    "_airbyte_extracted_at": "timestamptz",
    "_airbyte_meta": "jsonb",
    "_airbyte_generation_id": "bigint",
}
COLUMNS = expected_types("Airbyte's postgres") | META


def write(port: int, schema: str, syncs: Iterable[list[Mapping[str, Any]]]) -> None:
    """The records of each sync, an hour between the syncs, in Append mode: what was read twice is there twice."""
    psql = shutil.which("psql") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/psql")), None)
    if psql is None:
        pytest.skip("psql is not installed; `apt-get install postgresql` installs it")
    table = f"{schema}.{TABLE}"
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    statements = [f"CREATE SCHEMA {schema}; CREATE TABLE {table} ({columns});"]
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
