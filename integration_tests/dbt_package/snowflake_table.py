"""A table in the form of Airbyte's destination for Snowflake, on the local stand-in (fakesnow), in dbt's environment.

    snowflake_table.py PORT DATABASE SCHEMA < records, one a line

The form is that of https://docs.airbyte.com/integrations/destinations/snowflake: names in capitals, JSON as VARIANT.
"""

import json
import sys

import snowflake.connector

KINDS = {
    "status_code time_taken_ms request_tokens response_tokens total_tokens cached_tokens cache_write_tokens "
    "reasoning_tokens max_tokens _airbyte_generation_id": "NUMBER(38,0)",
    "temperature top_p frequency_penalty presence_penalty": "FLOAT",
    "start_date end_date _airbyte_extracted_at": "TIMESTAMP_TZ",
    "request_payload response_payload additional_columns _airbyte_meta": "VARIANT",
}
META = {
    "_airbyte_raw_id": "1",
    "_airbyte_extracted_at": "2026-01-01T02:00:00+01:00",
    "_airbyte_meta": {"sync_id": 41, "changes": []},
    "_airbyte_generation_id": 0,
}

_, port, database, schema = sys.argv
records = [{**json.loads(line), **META} for line in sys.stdin]
kinds = {name: kind for names, kind in KINDS.items() for name in names.split()}
columns = {name: kinds.get(name, "VARCHAR") for name in dict.fromkeys(name for record in records for name in record)}
connection = snowflake.connector.connect(
    account="fakesnow", user="kore", password="kore", host="127.0.0.1", port=int(port), protocol="http",
    session_parameters={"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
)  # fmt: skip
cursor = connection.cursor()
cursor.execute(f"CREATE DATABASE IF NOT EXISTS {database}")
cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {database}.{schema}")
cursor.execute(f"USE SCHEMA {database}.{schema}")
cursor.execute(f"CREATE TABLE LLM_USAGE_LOGS ({', '.join(f'{name.upper()} {kind}' for name, kind in columns.items())})")
cursor.execute("CREATE TABLE LINES (LINE VARIANT)")
for record in records:
    cursor.execute("INSERT INTO LINES SELECT PARSE_JSON(%s)", (json.dumps(record),))
values = ", ".join(f'LINE:"{name}"' + ("" if kind == "VARIANT" else f"::{kind}") for name, kind in columns.items())
cursor.execute(f"INSERT INTO LLM_USAGE_LOGS SELECT {values} FROM LINES")
cursor.execute("DROP TABLE LINES")
