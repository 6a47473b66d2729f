"""PyAirbyte's Snowflake destination, spoken to a local stand-in (fakesnow) instead of Snowflake.

Tables, column types, MERGE, append and table swap are PyAirbyte's own statements. What the stand-in lacks is made
up for here:
- `ALTER SESSION`: skipped; quoted names are folded to capitals, as QUOTED_IDENTIFIERS_IGNORE_CASE would do;
- several statements at once: sent one by one;
- `$schema` within a text, which it takes for a session variable: there is one of that name;
- `COPY INTO` with a SELECT from JSON files: lines first, then columns.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from airbyte._processors.sql.snowflake import SnowflakeSqlProcessor
from airbyte.caches import SnowflakeCache
from sqlalchemy import event, text


class StandInProcessor(SnowflakeSqlProcessor):
    def _quote_identifier(self, identifier: str) -> str:
        return f'"{identifier.upper()}"'

    def _execute_sql(self, sql: Any) -> Any:
        statements = [part for part in sql.split(";\n") if part.strip()] if isinstance(sql, str) else [sql]
        return [super(StandInProcessor, self)._execute_sql(statement) for statement in statements][-1]

    def _write_files_to_new_table(self, files: list[Path], stream_name: str, batch_id: str) -> str:
        table = self._create_table_for_loading(stream_name=stream_name, batch_id=batch_id)
        lines = f"{table}_lines"
        self._execute_sql(f"CREATE TABLE {lines} (line VARIANT)")
        for file in files:
            self._execute_sql(f"PUT 'file://{file.absolute()}' @%{lines}")
        self._execute_sql(text(f"COPY INTO {lines} FROM @%{lines} FILE_FORMAT = (TYPE = JSON)"))
        types = self._get_sql_column_definitions(stream_name)
        names = ", ".join(map(self._quote_identifier, types))
        values = ", ".join(
            f'line:"{name}"' + ("" if str(kind) == "VARIANT" else f"::{kind}") for name, kind in types.items()
        )
        insert = f"INSERT INTO {self._fully_qualified(table)} ({names}) SELECT {values} FROM {lines}"
        self._execute_sql(text(insert.replace(":", r"\:")))
        self._execute_sql(f"DROP TABLE {lines}")
        return table


class StandInCache(SnowflakeCache):
    """A SnowflakeCache on a port of this machine."""

    _sql_processor_class: ClassVar[type[SnowflakeSqlProcessor]] = StandInProcessor
    port: int

    @classmethod
    def on(cls, port: int, schema: str) -> StandInCache:
        access = dict.fromkeys(("username", "password", "warehouse", "role"), "kore")
        return cls(port=port, account="fakesnow", database="warehouse", schema_name=schema, **access)

    def get_sql_alchemy_connect_args(self) -> dict[str, Any]:
        session = {"nop_regexes": [r"\s*ALTER SESSION.*"], "CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False}
        return {"host": "127.0.0.1", "port": self.port, "protocol": "http", "session_parameters": session}

    def get_sql_engine(self) -> Any:
        is_new = self._engine is None
        engine = super().get_sql_engine()
        if is_new:
            event.listen(engine, "connect", lambda raw, _: raw.cursor().execute("SET SCHEMA = schema"))
        return engine
