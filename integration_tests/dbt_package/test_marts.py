"""The marts say what the rows of the API say, whatever wrote the table: compared with demo/independent.py."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from demo.independent import SUMS, Call, differences, prices, sums
from integration_tests.command import read
from integration_tests.dbt_package import airbyte_tables
from integration_tests.dbt_package.package import Warehouse, by_python, on_duckdb
from integration_tests.destinations.pyairbyte import pyairbyte
from integration_tests.destinations.servers import postgres_server, snowflake_server
from integration_tests.kore_emulator import NOW, Emulator, generate_rows

pytestmark = pytest.mark.timeout(900)
BOTS = ("st-alpha", "st-beta")
KEYS: dict[str, Callable[[Call], Any]] = {
    "day": lambda call: call.day,
    "model": lambda call: call.named("Model Name"),
    "feature": lambda call: call.named("Feature Name"),
    "channel": lambda call: call.named("Channel Name"),
}
# Cheaper than its public price, and dearer for what it does not show.
OWN = [
    {"model": "GPT-4o", "input_usd_per_million": 2, "output_usd_per_million": 7.5},
    {"model": "o4-mini", "input_usd_per_million": 1, "output_usd_per_million": 4, "reasoning_usd_per_million": 6},
]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """The log of two bots, and rows of which next to nothing is known."""
    rows = {
        bot: generate_rows(bot, NOW - timedelta(days=16), NOW - timedelta(minutes=5), 110, seed)
        for seed, bot in enumerate(BOTS)
    }
    ended = f"{NOW - timedelta(days=3):%Y-%m-%dT}23:59:59.999Z"
    rows[BOTS[0]] += [{"Bot ID": BOTS[0], "End Date": ended}, {"Bot ID": BOTS[0], "start Date": ended, "Time Taken": 7}]
    with Emulator(rows) as server:
        yield server


def add_late_rows(emulator: Emulator) -> None:
    """Rows that ended before the newest ones, and show only now."""
    for bot in BOTS:
        rows = generate_rows(bot, NOW - timedelta(minutes=50), NOW - timedelta(minutes=20), 9, 7)
        emulator.add_rows(bot, rows)


def assert_marts_say(warehouse: Warehouse, emulator: Emulator, own: Any = ()) -> None:
    calls = [Call(bot, row) for bot in BOTS for row in emulator.rows(bot)]
    marts = warehouse.tables(**{f"kore_llm_usage_by_{name}": "" for name in KEYS})
    for name, key in KEYS.items():
        found = {row[name]: [row[column] for column in SUMS] for row in marts[f"kore_llm_usage_by_{name}"]}
        assert differences(found, sums(calls, key, prices(own))) == [], name


def sync_by_pyairbyte(folder: Path, destination: str, emulator: Emulator, port: int = 0) -> None:
    with pyairbyte(folder, destination, emulator.config(), port) as session:
        session.sync("merge")


def on_postgres(folder: Path, port: int) -> Warehouse:
    settings = {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "kore", "PGDATABASE": "postgres"}
    return Warehouse("postgres", folder, {**settings, "PGPASSWORD": "", "KORE_SCHEMA": "kore"})


def test_on_pyairbytes_table_in_duckdb_with_late_rows_and_a_price_that_changes(
    emulator: Emulator, tmp_path: Path
) -> None:
    warehouse = on_duckdb(tmp_path)
    sync_by_pyairbyte(tmp_path, "duckdb", emulator)
    warehouse.dbt("build")
    assert_marts_say(warehouse, emulator)
    first = warehouse.tables(stg_kore_llm_logs="")["stg_kore_llm_logs"]

    add_late_rows(emulator)
    sync_by_pyairbyte(tmp_path, "duckdb", emulator)
    warehouse.build(kore_llm_sync_gap_seconds=1)
    assert_marts_say(warehouse, emulator)
    found = warehouse.tables(kore_llm_completeness="", kore_llm_syncs="order by first_arrival_at", stg_kore_llm_logs="")
    assert sum(row["log_rows"] for row in found["kore_llm_completeness"]) == len(first) + 18
    assert len(found["kore_llm_syncs"]) >= 2
    assert sum(row["calls"] for row in found["kore_llm_syncs"]) == len(found["stg_kore_llm_logs"]) == len(first) + 18

    budget = {"budget": "all", "period": "month", "budget_usd": 0.0001}
    warehouse.dbt("run", variables={"kore_llm_own_prices": OWN, "kore_llm_budgets": [budget]})
    assert_marts_say(warehouse, emulator, OWN)
    assert all(
        row["is_passed"] and row["passed_on"] for row in warehouse.tables(kore_llm_budgets="")["kore_llm_budgets"]
    )


def test_on_a_table_of_pyairbyte_in_postgresql(emulator: Emulator, tmp_path: Path) -> None:
    with postgres_server() as port:
        sync_by_pyairbyte(tmp_path, "postgres", emulator, port)
        warehouse = on_postgres(tmp_path, port)
        warehouse.dbt("build")
        assert_marts_say(warehouse, emulator)
        add_late_rows(emulator)
        sync_by_pyairbyte(tmp_path, "postgres", emulator, port)
        warehouse.dbt("run")
        assert_marts_say(warehouse, emulator)


def test_on_a_table_in_the_form_of_airbytes_destination_for_postgresql(emulator: Emulator, tmp_path: Path) -> None:
    records = read(emulator.config()).records
    with postgres_server() as port:
        # The second sync reads some rows again.
        airbyte_tables.write(port, "kore", [records[:150], records[130:]])
        warehouse = on_postgres(tmp_path, port)
        warehouse.build()
        assert_marts_say(warehouse, emulator)
        syncs = warehouse.tables(kore_llm_syncs="order by sync")["kore_llm_syncs"]
    assert [(row["sync"], row["calls"]) for row in syncs] == [("41", 130), ("42", len(records) - 130)]
    assert syncs[0]["first_arrival_at"].startswith("2026-01-01T00:00")


def test_on_a_table_of_dlt_that_took_the_payloads_apart(emulator: Emulator, tmp_path: Path) -> None:
    records = read(emulator.config()).records
    lines = "".join(json.dumps(record) + "\n" for record in records)
    by_python(Path(__file__).with_name("dlt_pipeline.py"), tmp_path, given=lines)
    warehouse = on_duckdb(tmp_path, "kore")
    warehouse.build()
    assert_marts_say(warehouse, emulator)
    found = warehouse.tables(kore_llm_guardrail_outcomes="", kore_llm_syncs="")
    assert sum(row["scans"] for row in found["kore_llm_guardrail_outcomes"]) > 0
    assert sum(row["passed"] for row in found["kore_llm_guardrail_outcomes"]) > 0
    assert [row["calls"] for row in found["kore_llm_syncs"]] == [len(records)]


SNOWFLAKE_PROFILE = """
kore_llm_logs:
  target: snowflake
  outputs:
    snowflake: {{type: snowflake, account: fakesnow, user: kore, password: kore, role: kore, warehouse: kore,
      database: WAREHOUSE, schema: KORE, host: 127.0.0.1, port: {port}, protocol: http, threads: 1}}
"""


def test_on_a_table_in_the_form_of_airbytes_destination_for_snowflake(emulator: Emulator, tmp_path: Path) -> None:
    """But for incremental runs and dbt's unit tests: the stand-in (fakesnow) has no temporary tables."""
    records = read(emulator.config()).records
    lines = "".join(json.dumps(record) + "\n" for record in records)
    with snowflake_server(tmp_path) as port:
        by_python(Path(__file__).with_name("snowflake_table.py"), port, "WAREHOUSE", "KORE", given=lines)
        (tmp_path / "profiles.yml").write_text(SNOWFLAKE_PROFILE.format(port=port))
        warehouse = Warehouse("snowflake", tmp_path, profiles=tmp_path)
        warehouse.build()
        assert_marts_say(warehouse, emulator)
        found = warehouse.tables(kore_llm_guardrail_outcomes="", kore_llm_syncs="")
    assert sum(row["passed"] for row in found["kore_llm_guardrail_outcomes"]) > 0
    assert [(row["sync"], row["calls"]) for row in found["kore_llm_syncs"]] == [("41", len(records))]
