"""What a call costs by its names, its provider and its day; and how the table of prices is kept."""

import csv
import json
import re
import subprocess
from datetime import date
from pathlib import Path

import pytest
import yaml

from dbt.refresh_prices import merged, prices_of, read_table
from integration_tests.dbt_package.package import PACKAGE
from integration_tests.dbt_package.test_package import CALL, warehouse_of
from integration_tests.destinations.servers import environment

SEED = PACKAGE / "seeds/kore_llm_public_prices.csv"
pytestmark = pytest.mark.timeout(900)
DAYS = ("2025-02-10", "2025-08-20", "2026-11-20")
COLUMNS = ("provider", "response_model", "request_model", "model_name")
NAMES = list(csv.DictReader(Path(__file__).with_name("names.csv").read_text().splitlines()))
"""What a call may be named; and the dollars for a million tokens of input and of output on each of the days, from
LiteLLM's maps of those days."""


def test_each_name_has_the_price_of_its_provider_and_day_or_none(tmp_path: Path) -> None:
    calls = [
        CALL | {column: name[column] for column in COLUMNS} | {"id": f"{place} {day}", "end_date": day}
        for place, name in enumerate(NAMES)
        for day in DAYS
    ]
    warehouse = warehouse_of(tmp_path, *calls)
    warehouse.dbt("build", "--exclude-resource-type", "test", "unit_test", "-s", "+kore_llm_calls")
    rows = {row["id"]: row for row in warehouse.tables(kore_llm_calls="")["kore_llm_calls"]}
    for place, name in enumerate(NAMES):
        for day in DAYS:
            row, expected = rows[f"{place} {day}"], [float(price) for price in name[day].split()] or [None, None]
            assert [row["input_usd_per_million"], row["output_usd_per_million"]] == expected, name
    assert {row["price_confidence"] for row in rows.values()} == {"high", "medium", "low", None}


PRICED = {"mode": "chat", "litellm_provider": "openai", "input_cost_per_token": 2e-6, "output_cost_per_token": 8e-6}


def test_the_price_map_is_reduced_to_what_the_log_can_name() -> None:
    tiers = {"input_cost_per_token_above_200k_tokens": 4e-6, "output_cost_per_token_above_200k_tokens": 1.2e-5}
    found = prices_of({
        "Model.A": {**PRICED, **tiers, "cache_read_input_token_cost": 1.25e-7},
        "azure/model-a": {**PRICED, "litellm_provider": "azure", "output_cost_per_reasoning_token": 1e-5},
        "azure/eu/model-a": {**PRICED, "litellm_provider": "azure", "input_cost_per_token": 3e-6},
        "vertex_ai/model-b": {**PRICED, "litellm_provider": "vertex_ai-language-models"},
        "groq/maker/model-c": {**PRICED, "litellm_provider": "groq"},
        "bedrock/us-east-1/model-d": {**PRICED, "litellm_provider": "bedrock"},
        "somewhere/model-e": {**PRICED, "litellm_provider": "somewhere"},
        "text-embedding-f": {**PRICED, "mode": "embedding", "output_cost_per_token": 0},
        "gemini/flash": {**PRICED, "litellm_provider": "gemini", "mode": "embedding", "output_cost_per_token": 0},
        "pictures": {**PRICED, "mode": "image_generation"},
        "free": {**PRICED, "input_cost_per_token": 0},
        "swapped": {**PRICED, "input_cost_per_token": 9e-6},
    })  # fmt: skip
    assert found == {
        ("openai", "Model.A"): (("0", "2", "0.125", "", "8", ""), ("200000", "4", "0.125", "", "12", "")),
        ("azure.ai.openai", "model-a"): (("0", "2", "", "", "8", "10"),),
        ("gcp.vertex_ai", "model-b"): (("0", "2", "", "", "8", ""),),
        ("groq", "model-c"): (("0", "2", "", "", "8", ""),),
        ("openai", "text-embedding-f"): (("0", "2", "", "", "0", ""),),
    }


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2), (2, 3, 1, 0)])
def test_maps_are_merged_in_any_order_and_nothing_is_dropped(order: tuple[int, ...]) -> None:
    wrong = {**PRICED, "input_cost_per_token": 1.5e-4, "output_cost_per_token": 1}
    maps = [
        (date(2025, 1, 1), {"a": PRICED, "retired": PRICED, "mistaken": wrong}),
        (date(2025, 2, 1), {"a": PRICED, "retired": PRICED, "mistaken": PRICED}),
        (date(2025, 3, 1), {"A": {**PRICED, "input_cost_per_token": 1e-6}, "mistaken": PRICED}),
        (date(2025, 4, 1), {"a": {**PRICED, "input_cost_per_token": 1e-6}, "new": PRICED}),
    ]  # fmt: skip
    table: list[dict[str, str]] = []
    for place in order:
        day, price_map = maps[place]
        table = merged(table, prices_of(price_map), day)
    assert [
        (line["model"].lower(), line["valid_from"], line["valid_until"], line["input_usd_per_million"])
        for line in table
    ] == [
        ("a", "2025-01-01", "2025-03-01", "2"),
        ("a", "2025-03-01", "", "1"),
        ("mistaken", "2025-01-01", "", "2"),
        ("new", "2025-04-01", "", "2"),
        ("retired", "2025-01-01", "", "2"),
    ]


def test_the_seed_is_sorted_has_a_history_and_no_gap() -> None:
    table = read_table(SEED)
    assert table == merged(table, {}, date(2025, 1, 1))
    assert min(line["valid_from"] for line in table) == "2025-01-01"
    assert len({(line["provider"], line["model"]) for line in table}) > 1000
    assert sum(bool(line["valid_until"]) for line in table) > 300


def test_a_project_of_its_own_uses_the_package_as_the_readme_says_with_its_own_table_of_prices(tmp_path: Path) -> None:
    """The marts in a schema of their own, the prices a seed of the project, refreshed; the page drawn from there."""
    ours = {"id": "2", "model_name": "Ours", "response_model": "ours-1"}
    warehouse = warehouse_of(tmp_path, {**CALL, "id": "1", "end_date": "2026-06-30"}, {**CALL, **ours})
    readme = (PACKAGE / "README.md").read_text()
    package, settings = (
        yaml.safe_load(re.findall(rf"```yaml\n({word}:.*?)```", readme, re.S)[0]) for word in ("packages", "vars")
    )
    assert package["packages"][0]["subdirectory"] == PACKAGE.name
    there = {"kore_llm_logs_database": "logs", "kore_llm_logs_schema": "main", "kore_llm_public_prices": "our_prices"}
    project = {"name": "theirs", "version": "1.0", "profile": "kore_llm_logs", "vars": settings["vars"] | there}
    project["models"] = {"kore_llm_logs": {"+schema": "llm"}}
    (tmp_path / "dbt_project.yml").write_text(yaml.safe_dump(project))
    (tmp_path / "packages.yml").write_text(yaml.safe_dump({"packages": [{"local": str(PACKAGE)}]}))
    (tmp_path / "models").mkdir()
    (tmp_path / "models/llm_calls.sql").write_text("select 1 as one")
    (tmp_path / "seeds").mkdir()
    (tmp_path / "map.json").write_text(json.dumps({"ours-1": {**PRICED, "input_cost_per_token": 1e-6}}))
    told = {"KORE_DUCKDB": "logs.duckdb", "KORE_SCHEMA": "theirs", "DBT_PROFILES_DIR": str(PACKAGE)}
    told["PATH"] = f"{environment('.venv-dbt')}:/usr/bin:/bin"
    folder = "dbt_packages/kore_llm_logs"
    for command in (
        "dbt deps",
        f"python {folder}/refresh_prices.py map.json --day 2025-01-01 --table seeds/our_prices.csv",
        "dbt build --exclude-resource-type unit_test",
        f"python {folder}/report page.html",
    ):
        done = subprocess.run(command.split(), cwd=tmp_path, env=told, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert len(read_table(tmp_path / "seeds/our_prices.csv")) == len(read_table(SEED)) + 1
    query = "SELECT price_source, priced_model, CAST(cost_usd AS DOUBLE) FROM theirs_llm.kore_llm_calls ORDER BY id"
    calls = warehouse.sql(query)
    budgets = warehouse.sql("SELECT DISTINCT budget FROM theirs_llm.kore_llm_budgets ORDER BY 1")
    # 1,000 tokens at 2 and 500 at 8 for a million; at 1 and 8.
    assert calls == [("own", "GPT-4o", pytest.approx(0.006)), ("public", "ours-1", pytest.approx(0.005))]
    assert budgets == [("GPT-4 a day",), ("all",)]
    assert "<b>$0.01</b>" in (tmp_path / "page.html").read_text()
