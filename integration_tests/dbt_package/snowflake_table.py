"""A table in the form of Airbyte's destination for Snowflake, on the local stand-in (fakesnow), in dbt's environment.

    snowflake_table.py PORT DATABASE SCHEMA < records, one a line

The form is that of https://docs.airbyte.com/integrations/destinations/snowflake: names in capitals, JSON as VARIANT.
"""

import json
import sys
from pathlib import Path

import snowflake.connector

sys.path.append(str(Path(__file__).resolve().parents[2]))
from integration_tests.destinations.column_types import expected_types

COLUMNS = expected_types("Airbyte's snowflake") | {
    "_airbyte_raw_id": "VARCHAR",
    "_airbyte_extracted_at": "TIMESTAMP_TZ",
    "_airbyte_meta": "VARIANT",
    "_airbyte_generation_id": "NUMBER(38,0)",
}
META = {
    "_airbyte_raw_id": "1",
    "_airbyte_extracted_at": "2026-01-01T02:00:00+01:00",
    "_airbyte_meta": {"sync_id": 41, "changes": []},
    "_airbyte_generation_id": 0,
}

_, port, database, schema = sys.argv
records = [{**json.loads(line), **META} for line in sys.stdin]
connection = snowflake.connector.connect(
    account="fakesnow", user="kore", password="kore", host="127.0.0.1", port=int(port), protocol="http",
    session_parameters={"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
)  # fmt: skip
cursor = connection.cursor()
cursor.execute(f"CREATE DATABASE IF NOT EXISTS {database}")
cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {database}.{schema}")
cursor.execute(f"USE SCHEMA {database}.{schema}")
cursor.execute(f"CREATE TABLE LLM_USAGE_LOGS ({', '.join(f'{name.upper()} {kind}' for name, kind in COLUMNS.items())})")
cursor.execute("CREATE TABLE LINES (LINE VARIANT)")
for record in records:
    cursor.execute("INSERT INTO LINES SELECT PARSE_JSON(%s)", (json.dumps(record),))
values = ", ".join(f'LINE:"{name}"' + ("" if kind == "VARIANT" else f"::{kind}") for name, kind in COLUMNS.items())
cursor.execute(f"INSERT INTO LLM_USAGE_LOGS SELECT {values} FROM LINES")
cursor.execute("DROP TABLE LINES")
