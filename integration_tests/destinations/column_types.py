"""The columns, and what each becomes in every destination. `kind` is the Airbyte type that the schema gives."""

import json
from pathlib import Path
from typing import Any

COLUMNS = {
    "text": "id bot_id session_id user_id task_id channel_name feature_name prompt_name integration model_name "
    "description status provider request_model response_model response_id finish_reason error_type error_message",
    "integer": "status_code time_taken_ms request_tokens response_tokens total_tokens cached_tokens "
    "cache_write_tokens reasoning_tokens max_tokens",
    "number": "temperature top_p frequency_penalty presence_penalty",
    "timestamp": "start_date end_date",
    "json": "request_payload response_payload additional_columns",
}

# PyAirbyte 0.71 makes these of any source's columns; its timestamps have no time zone of their own and hold UTC.
# The lake's columns are those that the records' types ask for; JSON is text there.
TYPES = {
    #            text                 integer   number           timestamp                      json
    "duckdb":    ("VARCHAR",           "BIGINT", "DECIMAL(38,9)", "TIMESTAMP",                   "JSON"),
    "postgres":  ("character varying", "bigint", "numeric(38,9)", "timestamp without time zone", "json"),
    "snowflake": ("TEXT",       "NUMBER(38,0)",  "NUMBER(38,9)",  "TIMESTAMP_NTZ",               "VARIANT"),
    "bigquery":  ("String",           "INTEGER", "DECIMAL(38, 9)", "TIMESTAMP",                  "JSON"),
    "parquet":   ("string",            "int64",  "double",        "timestamp[ms, tz=UTC]",       "string"),
    "parquet read by duckdb":
                 ("VARCHAR",           "BIGINT", "DOUBLE",        "TIMESTAMP WITH TIME ZONE",    "VARCHAR"),
    # As Airbyte's own destinations make them, by their documentation.
    "Airbyte's postgres":
                 ("varchar",           "bigint", "decimal(38, 9)", "timestamptz",                "jsonb"),
    "Airbyte's snowflake":
                 ("VARCHAR",     "NUMBER(38,0)", "FLOAT",         "TIMESTAMP_TZ",                "VARIANT"),
    "Airbyte's bigquery":
                 ("STRING",             "INT64", "NUMERIC",       "TIMESTAMP",                   "JSON"),
}  # fmt: skip

SCHEMA_FILE = Path(__file__).resolve().parents[2] / "source_kore_llm_logs/schemas/llm_usage_logs.json"
SCHEMA: dict[str, Any] = json.loads(SCHEMA_FILE.read_text())
KIND = {column: kind for kind, columns in COLUMNS.items() for column in columns.split()}


def expected_types(destination: str) -> dict[str, str]:
    """Column -> the type it must have there."""
    of_kind = dict(zip(COLUMNS, TYPES[destination], strict=True))
    return {column: of_kind[kind] for column, kind in KIND.items()}
