"""Parquet and JSON lines on an S3 server: the connector's own records, written by dlt, read by pyarrow and DuckDB."""

import gzip
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests

from integration_tests.command import Outcome, read
from integration_tests.destinations.column_types import KIND, expected_types
from integration_tests.destinations.lake import plain
from integration_tests.destinations.rows import add_young_rows, all_records, assert_same_rows, old_rows
from integration_tests.destinations.servers import environment, s3_server
from integration_tests.kore_emulator import Emulator

SCRIPT = Path(__file__).with_name("lake.py")
READ_BY_DUCKDB = expected_types("parquet read by duckdb")
READERS = {"parquet": "read_parquet(?)", "jsonl": f"read_json(?, format = 'nd', columns = {READ_BY_DUCKDB})"}
IN_JSON_LINES = {"text": str, "integer": int, "number": float | int, "timestamp": str, "json": str}
EACH_ONCE = "QUALIFY row_number() OVER (PARTITION BY id) = 1"


class Lake:
    """A bucket, and what writes to it and reads from it."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._endpoint = folder, f"http://127.0.0.1:{port}"
        requests.put(f"{self._endpoint}/lake", timeout=60).raise_for_status()

    def write(self, outcome: Outcome, disposition: str) -> None:
        records = "".join(json.dumps(record) + "\n" for record in outcome.records)
        self._run("write", str(self._folder), disposition, given=records)

    def read(self) -> tuple[Path, dict[str, Any]]:
        """A folder with the files, and what pyarrow reads from the bucket's Parquet: `types` and `rows`."""
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        return folder, json.loads(self._run("read", str(folder)))

    def _run(self, verb: str, *arguments: str, given: str = "") -> str:
        command = [str(environment(".venv-lake") / "python"), str(SCRIPT), verb, self._endpoint, *arguments]
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout


def read_by_duckdb(folder: Path, file_format: str, clause: str = "") -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Column -> type, and the rows, timestamps as ISO 8601. (DuckDB's own S3 extension needs the internet.)"""
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    query = f"SELECT {', '.join(KIND)} FROM {READERS[file_format]} {clause}"
    files = [f"{folder}/{file_format}/*"]
    types = {name: kind for name, kind, *_ in database.execute(f"DESCRIBE {query}", files).fetchall()}
    rows = [dict(zip(KIND, map(plain, row), strict=True)) for row in database.execute(query, files).fetchall()]
    return types, rows


def json_lines(folder: Path) -> list[dict[str, Any]]:
    files = (folder / "jsonl").iterdir()
    return [json.loads(line) for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(old_rows()) as server:
        yield server


def test_every_row_arrives_whole_on_s3_in_both_formats(emulator: Emulator, tmp_path: Path) -> None:
    def sync(state: Any = None) -> Outcome:
        outcome = read(emulator.config(), state)
        assert outcome.code == 0, outcome.log
        return outcome

    def equal(*more: Any) -> None:
        folder, by_pyarrow = lake.read()
        expected = [*all_records(emulator), *more]
        assert {name: by_pyarrow["types"][name] for name in KIND} == expected_types("parquet")
        assert_same_rows(by_pyarrow["rows"], expected)
        for file_format in READERS:
            types, rows = read_by_duckdb(folder, file_format)
            assert types == READ_BY_DUCKDB
            assert_same_rows(rows, expected)
            assert_same_rows(read_by_duckdb(folder, file_format, EACH_ONCE)[1], all_records(emulator))
        for line in json_lines(folder):
            for column in KIND.keys() & line.keys():
                assert line[column] is None or isinstance(line[column], IN_JSON_LINES[KIND[column]]), column

    with s3_server(tmp_path) as port:
        lake = Lake(tmp_path, port)
        young = add_young_rows(emulator, 10, seed=6)
        first = sync()
        lake.write(first, "append")
        equal()

        add_young_rows(emulator, 5, seed=7)
        lake.write(sync(first.states), "append")
        equal(*young)

        lake.write(sync(), "replace")
        equal()
