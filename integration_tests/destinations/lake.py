"""Files on S3, in the environment that dlt needs: writes records as Parquet and as JSON lines, and reads them back.

    lake.py write ENDPOINT FOLDER append|replace < RECORD data, one a line
    lake.py read ENDPOINT FOLDER -> the files in FOLDER/parquet and FOLDER/jsonl, and of Parquet what pyarrow reads
        from S3: {"types": {column: type}, "rows": [{column: value}]}, timestamps as ISO 8601

JSON columns are written as JSON text: Parquet has no type for an object of any shape, and dlt would make a table of
columns of it.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2]))
from integration_tests.destinations.column_types import KIND

BUCKET = "lake"
TABLE = "llm_usage_logs"
FORMATS = ("parquet", "jsonl")
TYPES: dict[str, dict[str, Any]] = {
    "text": {"data_type": "text"},
    "integer": {"data_type": "bigint"},
    "number": {"data_type": "double"},
    "timestamp": {"data_type": "timestamp", "timezone": True, "precision": 3},
    "json": {"data_type": "text"},
}
ACCESS = {"aws_access_key_id": "kore", "aws_secret_access_key": "kore", "region_name": "us-east-1"}


def as_text(name: str, value: Any) -> Any:
    return value if value is None or KIND[name] != "json" else json.dumps(value, ensure_ascii=False)


def write(endpoint: str, folder: str, disposition: str) -> None:
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "DLT_DATA_DIR": folder}
    import dlt

    records = [{name: as_text(name, value) for name, value in json.loads(line).items()} for line in sys.stdin]
    columns = {name: {"name": name, **TYPES[kind]} for name, kind in KIND.items()}
    for file_format in FORMATS:
        destination = dlt.destinations.filesystem(
            bucket_url=f"s3://{BUCKET}", credentials={**ACCESS, "endpoint_url": endpoint}
        )
        pipeline = dlt.pipeline(
            f"kore_{file_format}", pipelines_dir=folder, dataset_name=file_format, destination=destination
        )
        resource = dlt.resource(records, name=TABLE, columns=columns, write_disposition=disposition)
        pipeline.run(resource, loader_file_format=file_format).raise_on_failed_jobs()


def read(endpoint: str, folder: str) -> None:
    import pyarrow.dataset
    from pyarrow.fs import S3FileSystem, copy_files

    storage = S3FileSystem(access_key="kore", secret_key="kore", region="us-east-1", endpoint_override=endpoint)
    for file_format in FORMATS:
        (Path(folder) / file_format).mkdir()
        copy_files(f"{BUCKET}/{file_format}/{TABLE}", f"{folder}/{file_format}", source_filesystem=storage)
    table = pyarrow.dataset.dataset(f"{BUCKET}/parquet/{TABLE}", filesystem=storage).to_table()
    types = {field.name: str(field.type) for field in table.schema}
    rows = [{name: plain(value) for name, value in row.items()} for row in table.to_pylist()]
    print(json.dumps({"types": types, "rows": rows}))


def plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](*sys.argv[2:])
