"""PyAirbyte at work, in the environment it needs: takes one JSON command a line, answers each with one JSON line.

    {"sync": "merge" | "append" | "replace", "full_refresh": false}
        -> {"processed": 12, "types": {column: type}, "rows": [{column: value}]}: the table as it is after the sync
    {"types": {column: JSON schema}}
        -> {"types": {column: type}}: what PyAirbyte would make of the columns in BigQuery
Values are as the database gives them: timestamps as ISO 8601, decimals and JSON as text.
"""

import json
import os
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

TABLE = "llm_usage_logs"
SCHEMA = "kore"
COLUMNS = {
    "duckdb": f"SELECT column_name, data_type FROM information_schema.columns WHERE table_name = '{TABLE}'",
    "postgres": "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
    f"WHERE attrelid = '{SCHEMA}.{TABLE}'::regclass AND attnum > 0 AND NOT attisdropped",
    "snowflake": "SELECT lower(column_name), CASE WHEN data_type = 'NUMBER' "
    "THEN concat('NUMBER(', numeric_precision, ',', numeric_scale, ')') ELSE data_type END "
    f"FROM information_schema.columns WHERE table_name ILIKE '{TABLE}'",
}
# The stand-in for Snowflake gives a timestamp that is null as 1970, unless it is asked for text.
AS_TEXT = {"JSON", "json", "TIMESTAMP_NTZ"}


def main() -> None:
    """`argv[1]`: JSON with `destination`, `folder`, `port`, `executable` and the source's `config`."""
    # PyAirbyte prints its progress to stdout; the answers go where stdout was.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    given = json.loads(Path(sys.argv[1]).read_text())
    os.environ |= {
        "AIRBYTE_OFFLINE_MODE": "1",
        "DO_NOT_TRACK": "1",
        "AIRBYTE_PROJECT_DIR": given["folder"],
        "AIRBYTE_LOGGING_ROOT": f"{given['folder']}/logs",
    }
    session = Session(given)
    for line in sys.stdin:
        command = json.loads(line)
        answer = session.sync(command) if "sync" in command else types_of(command["types"])
        print(json.dumps(answer), file=answers, flush=True)


class Session:
    """One source and one destination; the destination remembers the state between syncs."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._given = given
        self._source: Any = None
        self._cache: Any = None

    def sync(self, command: dict[str, Any]) -> dict[str, Any]:
        if self._source is None:
            self._connect()
        result = self._source.read(
            cache=self._cache, write_strategy=command["sync"], force_full_refresh=command["full_refresh"]
        )
        return {"processed": result.processed_records, **self._table()}

    def _connect(self) -> None:
        import airbyte

        self._source = airbyte.get_source(
            "source-kore-llm-logs", config=self._given["config"], local_executable=self._given["executable"]
        )
        self._source.check()
        self._source.select_all_streams()
        self._cache = cache_of(self._given)

    def _table(self) -> dict[str, Any]:
        from sqlalchemy import text

        destination = self._given["destination"]
        with self._cache.get_sql_engine().connect() as connection:
            types = dict(map(tuple, connection.execute(text(COLUMNS[destination])).fetchall()))
            columns = [f"CAST({name} AS VARCHAR)" if kind in AS_TEXT else name for name, kind in types.items()]
            found = connection.execute(text(f"SELECT {', '.join(columns)} FROM {self._cache.schema_name}.{TABLE}"))
            rows = [dict(zip(types, map(plain, row), strict=True)) for row in found.fetchall()]
        return {"types": types, "rows": rows}


def cache_of(given: dict[str, Any]) -> Any:
    if given["destination"] == "duckdb":
        from airbyte.caches import DuckDBCache

        return DuckDBCache(db_path=Path(given["folder"]) / "logs.duckdb")
    if given["destination"] == "postgres":
        from airbyte.caches import PostgresCache

        access = {"host": "127.0.0.1", "port": given["port"], "username": "kore", "password": ""}
        return PostgresCache(**access, database="postgres", schema_name=SCHEMA)
    from snowflake_stand_in import StandInCache

    return StandInCache.on(given["port"], SCHEMA)


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def types_of(properties: dict[str, Any]) -> dict[str, Any]:
    from airbyte._processors.sql.bigquery import BigQueryTypeConverter

    converter = BigQueryTypeConverter()
    return {"types": {name: str(converter.to_sql_type(property)) for name, property in properties.items()}}


if __name__ == "__main__":
    main()
