"""Real syncs by PyAirbyte into DuckDB, PostgreSQL and a stand-in for Snowflake; what it would make in BigQuery."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from integration_tests.destinations.column_types import KIND, SCHEMA, expected_types
from integration_tests.destinations.pyairbyte import Table, pyairbyte
from integration_tests.destinations.rows import add_young_rows, all_records, assert_same_rows, old_rows
from integration_tests.destinations.servers import postgres_server, snowflake_server
from integration_tests.kore_emulator import Emulator

SERVERS: dict[str, Callable[[Path], AbstractContextManager[int]]] = {
    "duckdb": lambda folder: nullcontext(0),
    "postgres": lambda folder: postgres_server(),
    "snowflake": snowflake_server,
}
# What stands for a payload that is absent: no value, or JSON's own null.
ABSENT = {"duckdb": None, "postgres": "null", "snowflake": "null"}
# PyAirbyte loads PostgreSQL through pandas, which reads a number as a double: 15 digits are sure.
DIGITS = {"postgres": 15}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(old_rows()) as server:
        yield server


@pytest.mark.parametrize("destination", SERVERS)
def test_every_row_arrives_whole_in_every_sync_mode(destination: str, emulator: Emulator, tmp_path: Path) -> None:
    young = add_young_rows(emulator, 10, seed=6)

    def equal(table: Table, *more: Any) -> None:
        assert table.types == expected_types(destination)
        expected = [*all_records(emulator), *more]
        assert_same_rows(table.rows, expected, decimals=9, digits=DIGITS.get(destination))
        payloads = {row[column] for row in table.rows for column in KIND if KIND[column] == "json"}
        assert payloads & {None, "null"} == {ABSENT[destination]}

    with SERVERS[destination](tmp_path) as port, pyairbyte(tmp_path, destination, emulator.config(), port) as syncs:
        first = syncs.sync("merge")
        equal(first)

        new = add_young_rows(emulator, 5, seed=7)
        merged = syncs.sync("merge")
        equal(merged)
        assert merged.processed == len(young) + len(new), "the lookback must have read rows again"

        appended = syncs.sync("append")
        equal(appended, *young, *new)

        equal(syncs.sync("replace", full_refresh=True))
        assert "Could not determine airbyte type" not in syncs.log


def test_pyairbyte_would_make_these_columns_in_bigquery(tmp_path: Path) -> None:
    """All that can be known of BigQuery here: nothing that stands in for it takes a write."""
    with pyairbyte(tmp_path, "bigquery", {}) as session:
        assert session.types_in_bigquery(SCHEMA["properties"]) == expected_types("bigquery")
        assert "Could not" not in session.log
