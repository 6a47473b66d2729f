"""The package beside its numbers: freshness, documentation, the SQL script, the page, and what a user gets wrong."""

import json
import os
import re
import subprocess
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
import yaml

from dbt.report.marts import MARTS
from integration_tests.dbt_package.package import PACKAGE, Warehouse, by_python, on_duckdb
from integration_tests.destinations.column_types import expected_types
from integration_tests.destinations.servers import REPOSITORY, environment

pytestmark = pytest.mark.timeout(900)
NOW = datetime.now(timezone.utc).replace(tzinfo=None)
CALL = {
    "bot_id": "st-1",
    "status": "Success",
    "model_name": "GPT-4o",
    "response_model": "gpt-4o-2024-08-06",
    "end_date": f"{NOW - timedelta(hours=1):%Y-%m-%d %H:%M:%S}",
    "request_tokens": 1000,
    "response_tokens": 500,
    "total_tokens": 1500,
    "_airbyte_extracted_at": f"{NOW:%Y-%m-%d %H:%M:%S}",
}
# Every column that Airbyte writes: the printed script takes them for granted.
COLUMNS = expected_types("duckdb") | {"_airbyte_extracted_at": "TIMESTAMP", "_airbyte_meta": "JSON"}


def warehouse_of(folder: Path, *calls: dict[str, Any]) -> Warehouse:
    """A DuckDB file with a table that has every column, and these calls."""
    warehouse = on_duckdb(folder)
    warehouse.sql(f"CREATE TABLE llm_usage_logs ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})")
    add(warehouse, calls)
    return warehouse


def add(warehouse: Warehouse, calls: Iterable[dict[str, Any]]) -> None:
    with duckdb.connect(warehouse.settings["KORE_DUCKDB"]) as database:
        for call in calls:
            marks = ", ".join("?" for _ in call)
            database.execute(f"INSERT INTO llm_usage_logs ({', '.join(call)}) VALUES ({marks})", list(call.values()))


@pytest.mark.parametrize("warehouse", ["bigquery", "snowflake", "postgres"])
def test_the_script_for_a_warehouse_is_of_its_dialect_and_has_every_model(warehouse: str) -> None:
    script = by_python(PACKAGE / "print_sql.py", warehouse)
    statements = sqlglot.parse(script, read=warehouse, error_level=sqlglot.ErrorLevel.RAISE)
    created = {statement.this.sql() for statement in statements if isinstance(statement, sqlglot.exp.Create)}
    models = {path.stem for path in (PACKAGE / "models").rglob("*.sql")}
    models |= {"kore_llm_public_prices", "kore_llm_model_aliases"}
    assert {re.sub(r"[\"`]", "", name).split(" ")[0].rsplit(".", 1)[-1] for name in created} == models


def test_bigquery_takes_all_sql_of_the_package() -> None:
    """Models and tests, by Google's own analyzer with BigQuery's features only."""
    python = environment(".venv-dbt") / "python"
    if subprocess.run([str(python), "-c", "import zetasql"], capture_output=True, check=False).returncode:
        pytest.skip("zetasql cannot be imported here: nothing of the SQL for BigQuery was checked but its syntax")
    found = json.loads(by_python(Path(__file__).with_name("bigquery_analysis.py")))
    assert found["faults"] == []
    assert set(found["partitioned"]) == {"stg_kore_llm_logs", "kore_llm_calls", "kore_llm_usage_daily"}
    assert {path.stem for path in (PACKAGE / "models").rglob("*.sql")} < set(found["analyzed"])


def test_the_script_may_run_twice(tmp_path: Path) -> None:
    calls = [{**CALL, "id": "1"}, {**CALL, "id": "2", "cached_tokens": 600}, {**SCAN, "id": "3"}]
    warehouse = warehouse_of(tmp_path, *calls, {**CALL, "id": "1"})
    script = by_python(PACKAGE / "print_sql.py", "duckdb", **warehouse.settings)
    for _ in range(2):
        warehouse.sql(script)
    found = warehouse.sql("SELECT model, calls, priced_calls, CAST(cost_usd AS DOUBLE) FROM kore_llm_usage_by_model")
    assert found == [("GPT-4o", 2, 2, pytest.approx(0.0075 + 0.00675))]
    scans = warehouse.sql("SELECT scanner, scans, passed FROM kore_llm_guardrail_outcomes")
    assert scans == [("toxicity", 1, 1)]


def test_an_empty_table_gives_empty_marts_and_a_page(tmp_path: Path) -> None:
    warehouse = warehouse_of(tmp_path)
    warehouse.build()
    marts = ("kore_llm_calls", "kore_llm_usage_by_day", "kore_llm_completeness", "kore_llm_growth_by_week")
    assert set(map(len, warehouse.tables(**dict.fromkeys(marts, "")).values())) == {0}
    page = page_of(warehouse)
    assert "The log is empty" in page
    assert "<section" not in page


SCAN = {
    "bot_id": "st-2",
    "feature_name": "Guardrails - LLM Input",
    "request_payload": '{"scanner": "toxicity", "req_type": "request"}',
    "response_payload": '{"is_valid": true}',
    "end_date": CALL["end_date"],
    "time_taken_ms": 9000,
}
BUDGET = {"budget": "b", "period": "day", "budget_usd": 1}
OWN = [{"model": "ours", "input_usd_per_million": 1, "output_usd_per_million": 2}]
BUILT = (
    {**CALL, "id": "plain", "time_taken_ms": 100, "additional_columns": '{"TTFT": 120}'},
    {"id": "nothing known", "bot_id": "st-2", "additional_columns": '{"TTFT": "fast"}'},
    {**CALL, "id": "azure", "provider": "azure.ai.openai", "integration": "Azure OpenAI", "cached_tokens": 100,
     "reasoning_tokens": 5, "additional_columns": '{"Time to First Token": "340.5"}'},
    {**CALL, "id": "long", "provider": "gcp.gemini", "response_model": "gemini-2.5-pro", "request_tokens": 300000,
     "cache_write_tokens": 9},
    {**CALL, "id": "ours", "model_name": "Ours", "response_model": "ours", "bot_id": None},
    {**CALL, "id": "about guardrails", "feature_name": "Guardrails", "request_payload": '{"scanner": "none"}'},
    {**SCAN, "id": "scan"},
    {**SCAN, "id": "redacted", "request_payload": "{}", "response_payload": "{}"},
)  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A log with a call of each kind, built once for the tests that only look at it."""
    warehouse = warehouse_of(tmp_path_factory.mktemp("built"), *BUILT)
    budgets = [{"budget": "all", "period": "day", "budget_usd": 0.001}]
    warehouse.build(kore_llm_budgets=budgets, kore_llm_own_prices=OWN)
    return warehouse


def page_of(warehouse: Warehouse) -> str:
    by_python(PACKAGE / "report", warehouse.folder / "page.html", **warehouse.settings)
    return (warehouse.folder / "page.html").read_text()


def test_the_page_shows_each_mart_and_loads_nothing(built: Warehouse) -> None:
    page = page_of(built)
    assert set(re.findall(r"<footer>(\w+)</footer>", page)) == set(MARTS)
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)
    assert "<b>$0.78</b> for 5 calls that have a price and tokens" in page
    assert "<b>1</b> calls without a cost" in page


def test_freshness_is_the_age_of_the_newest_call(tmp_path: Path) -> None:
    warehouse = warehouse_of(tmp_path, {**CALL, "id": "1"})
    for age, status in ((1, "pass"), (30, "warn"), (100, "error")):
        warehouse.sql(f"UPDATE llm_usage_logs SET end_date = '{NOW - timedelta(hours=age)}'")
        warehouse.dbt("source", "freshness", check=status != "error")
        (found,) = json.loads((tmp_path / "target" / "sources.json").read_text())["results"]
        assert found["status"] == status


def test_the_documentation_builds_and_describes_every_column(built: Warehouse) -> None:
    built.dbt("docs", "generate")
    nodes = json.loads((built.folder / "target" / "manifest.json").read_text())["nodes"].values()
    nodes = [node for node in nodes if node["resource_type"] in ("model", "seed")]
    assert [node["name"] for node in nodes if not node["description"]] == []
    catalog = json.loads((built.folder / "target" / "catalog.json").read_text())["nodes"]
    for node in nodes:
        described = {name.lower() for name, column in node["columns"].items() if column["description"]}
        assert set(map(str.lower, catalog[node["unique_id"]]["columns"])) <= described, node["name"]
    names = {node["name"] for node in nodes if node["resource_type"] == "model"}
    assert {name for name in names if "kore_llm_" not in name} == set()
    listed = (PACKAGE / "README.md").read_text()
    assert {name for name in names if name not in listed} == {
        f"kore_llm_usage_by_{name}" for name in ("model", "feature", "channel", "bot", "provider", "task")
    }


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"kore_llm_own_prices": [{"model": "x", "input": 1}]}, "kore_llm_own_prices: unknown key `input`"),
        ({"kore_llm_own_prices": [{"model": "x", "input_usd_per_million": 1}]}, "`output_usd_per_million` is missing"),
        ({"kore_llm_own_prices": 2 * OWN}, "two prices from the same day for ours"),
        ({"kore_llm_budgets": [{**BUDGET, "period": "year"}]}, "`period` is day, week or month, not year"),
        ({"kore_llm_budgets": [BUDGET, {**BUDGET, "period": "week"}]}, "two budgets of the name b"),
        ({"kore_llm_logs_table": "other"}, "Is this the table of the stream llm_usage_logs?"),
    ],
)
def test_a_mistake_in_the_settings_is_told(tmp_path: Path, variables: dict[str, Any], sentence: str) -> None:
    warehouse = warehouse_of(tmp_path)
    warehouse.sql("CREATE TABLE other (name VARCHAR)")
    told = warehouse.dbt("compile", variables=variables, check=False)
    assert sentence in " ".join(told.split())


def test_the_command_of_the_readme_leads_from_a_table_to_a_page(tmp_path: Path) -> None:
    warehouse_of(tmp_path, {**CALL, "id": "1"}).settings.clear()
    database = (tmp_path / "logs.duckdb").rename(tmp_path / "kore.duckdb")
    readme = (REPOSITORY / "README.md").read_text()
    (command,) = (block.strip() for block in re.findall(r"```sh\n(.*?)```", readme, re.S) if "make dbt " in block)
    page = REPOSITORY / "report.html"
    kept = page.read_bytes() if page.exists() else None
    try:
        line = ["bash", "-ec", command.replace("kore.duckdb", str(database))]
        told = {**os.environ, "DBT_TARGET_PATH": str(tmp_path / "target"), "DBT_LOG_PATH": str(tmp_path / "logs")}
        done = subprocess.run(line, cwd=REPOSITORY, env=told, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        assert "gpt-4o" in page.read_text().lower()
    finally:
        page.unlink(missing_ok=True)
        if kept is not None:
            page.write_bytes(kept)


def test_nothing_is_lost_whatever_the_stamp_of_arrival_says(tmp_path: Path) -> None:
    """Two runs; what comes with the second has stamps that are old, missing or ahead, and one row came again."""
    warehouse = warehouse_of(
        tmp_path, {**CALL, "id": "first"}, {**CALL, "id": "ahead", "_airbyte_extracted_at": "2099-01-01"}
    )
    warehouse.build()
    late = {
        "new": {"_airbyte_extracted_at": f"{NOW + timedelta(seconds=1):%Y-%m-%d %H:%M:%S}"},
        "late": {"_airbyte_extracted_at": "2024-01-01"},
        "late, of another bot": {"_airbyte_extracted_at": "2024-01-01", "bot_id": "st-2"},
        "without a stamp": {"_airbyte_extracted_at": None},
        "ahead too": {"_airbyte_extracted_at": "2098-01-01"},
        "without a bot": {"bot_id": None},
        "first": {"status": "Error", "_airbyte_extracted_at": f"{NOW + timedelta(seconds=2):%Y-%m-%d %H:%M:%S}"},
    }
    add(warehouse, ({**CALL, "id": name, **changes} for name, changes in late.items()))
    warehouse.build()
    compiled = next((tmp_path / "target/compiled").rglob("stg_kore_llm_logs.sql")).read_text()
    assert ">= cast('2024-01-01 00:00:00' as" in compiled
    found = warehouse.tables(kore_llm_calls="", kore_llm_completeness="")
    assert {row["id"] for row in found["kore_llm_calls"]} == {*late, "ahead"}
    assert {row["id"] for row in found["kore_llm_calls"] if row["is_failure"]} == {"first"}
    assert {row["bot_id"]: row["calls"] for row in found["kore_llm_completeness"]} == {"st-1": 6, "st-2": 1, None: 1}
    warehouse.dbt("run", "-s", "stg_kore_llm_logs")
    compiled = next((tmp_path / "target/compiled").rglob("stg_kore_llm_logs.sql")).read_text()
    assert "is null" in compiled
    assert ">= cast('2" not in compiled


def test_several_sources_are_one_log_that_says_where_each_row_came_from(tmp_path: Path) -> None:
    warehouse = warehouse_of(tmp_path, {**CALL, "id": "1"}, {**CALL, "id": "both"})
    warehouse.sql("""
        CREATE SCHEMA other;
        CREATE TABLE other.llm_usage_logs AS SELECT * FROM llm_usage_logs;
        UPDATE other.llm_usage_logs SET id = '2' WHERE id = '1';
        ALTER TABLE other.llm_usage_logs DROP reasoning_tokens;
        ALTER TABLE other.llm_usage_logs ALTER _airbyte_extracted_at TYPE TIMESTAMPTZ;
        UPDATE llm_usage_logs SET _airbyte_extracted_at = '2025-01-01'
    """)
    for _ in range(2):
        warehouse.build(kore_llm_logs_schemas=["main", "other"])
        rows = warehouse.tables(kore_llm_calls="order by id")["kore_llm_calls"]
        assert {row["id"]: row["source_relation"] for row in rows} == {"1": "main", "2": "other", "both": "other"}
        assert len(rows) == 3


def test_a_budget_of_something_that_is_not_in_the_log_is_a_warning(tmp_path: Path) -> None:
    warehouse = warehouse_of(tmp_path, {**CALL, "id": "1"})
    for model, status in (("GPT-4o", "pass"), ("GTP-4o", "warn")):
        warehouse.build(kore_llm_budgets=[{**BUDGET, "model": model}])
        results = json.loads((tmp_path / "target/run_results.json").read_text())["results"]
        assert [each["status"] for each in results if "budgets_are_of_the_log" in each["unique_id"]] == [status]


# What the columns of the view imply.
FOCUS_CRITERIA = """ACCOUNT_NAMING_SUPPORTED BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED
    MULTIPLE_BILLING_ACCOUNT_TYPES_SUPPORTED MULTIPLE_PRICING_CATEGORIES_SUPPORTED
    MULTIPLE_SUB_ACCOUNT_TYPES_SUPPORTED NEGOTIATED_PRICING_SUPPORTED
    PRICING_BILLING_CURRENCY_DIFFERENCES_SUPPORTED PUBLIC_PRICE_LIST_SUPPORTED RESOURCE_TYPE_ASSIGNMENT_SUPPORTED
    SUB_ACCOUNT_SUPPORTED UNIT_PRICING_SUPPORTED USAGE_MEASUREMENT_SUPPORTED"""


def test_the_costs_pass_the_validator_of_focus(built: Warehouse) -> None:
    validator = environment(".venv-focus") / "focus-validator"
    copy = "COPY (SELECT * FROM kore_llm_costs_focus) TO '{}' (HEADER, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%SZ')"
    built.sql(copy.format(built.folder / "focus.csv"))
    names = [column[0] for column in built.sql("DESCRIBE kore_llm_costs_focus")]
    prices = built.sql('SELECT DISTINCT "SkuPriceId" FROM kore_llm_costs_focus')
    # It looks for its own list of currencies below the folder that it is started in.
    (packages,) = validator.parent.parent.glob("lib/python*/site-packages")
    words = ["--validate-version", "1.2", "--block-download", "--focus-dataset", "CostAndUsage"]
    words += ["--applicability-criteria", ",".join(FOCUS_CRITERIA.split())]
    command = [str(validator), "--data-file", str(built.folder / "focus.csv"), *words]
    done = subprocess.run(command, cwd=packages, capture_output=True, text=True, timeout=300, check=False)
    results = re.findall(r"^\S+ ((\w+)-\w+-\d+-\w): (PASS|FAIL)", done.stdout, re.M)
    assert {column for _, column, result in results if result == "PASS"} > set(names) - {"CommitmentDiscountStatus"}
    # One of two rules of which one must hold: an id of an invoice, or none. The validator tells each by itself.
    assert {rule for rule, _, result in results if result == "FAIL"} == {"InvoiceId-C-005-C"}
    assert ("gcp.gemini/gemini-2.5-pro/Input Tokens/above 200000",) in prices


def test_the_package_builds_with_the_oldest_dbt_that_it_takes(tmp_path: Path) -> None:
    project = yaml.safe_load((PACKAGE / "dbt_project.yml").read_text())
    oldest = re.findall(r"dbt-core==(.*)", (PACKAGE / "requirements-oldest.txt").read_text())
    assert project["require-dbt-version"][0] == f">={oldest[0]}"
    warehouse = warehouse_of(tmp_path, {**CALL, "id": "1"})
    words = ["build", "--quiet", "--project-dir", str(PACKAGE), "--profiles-dir", str(PACKAGE)]
    words += ["--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs")]
    command = [str(environment(".venv-dbt-oldest") / "dbt"), *words]
    settings = {**warehouse.settings, "PATH": "/usr/bin:/bin", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_scans_of_guardrails_are_no_calls_also_where_their_payloads_are_redacted(built: Warehouse) -> None:
    found = built.tables(kore_llm_usage_by_feature="", kore_llm_guardrail_outcomes="", kore_llm_completeness="")
    by_feature = {row["feature"]: row["calls"] for row in found["kore_llm_usage_by_feature"]}
    assert by_feature == {"Guardrails": 1, "(none)": 5}
    names = ("scanner", "scanned", "scans", "passed", "no_verdict", "p50_ms")
    assert sorted(tuple(row[name] for name in names) for row in found["kore_llm_guardrail_outcomes"]) == [
        ("(none)", "request", 1, 0, 1, 9000),
        ("toxicity", "request", 1, 1, 0, 9000),
    ]
    assert sum(row["guardrail_scans"] for row in found["kore_llm_completeness"]) == 2
    assert sum(row["log_rows"] for row in found["kore_llm_completeness"]) == len(BUILT)


def test_time_to_the_first_token_where_the_log_has_it(built: Warehouse) -> None:
    found = built.tables(kore_llm_calls="", kore_llm_calls_otel="")
    times = {row["id"]: row["time_to_first_token_ms"] for row in found["kore_llm_calls"]}
    assert (times["plain"], times["azure"], times["nothing known"], times["long"]) == (120, 340.5, None, None)
    chunks = {row["kore_call_id"]: row["gen_ai_response_time_to_first_chunk"] for row in found["kore_llm_calls_otel"]}
    assert (chunks["plain"], chunks["azure"]) == (0.12, 0.3405)
