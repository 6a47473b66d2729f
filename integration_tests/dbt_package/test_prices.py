"""What a call costs by its names, its provider and its day; and how the table of prices is kept."""

import json
import re
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from dbt.refresh_prices import merged, prices_of, read_table
from integration_tests.dbt_package.package import PACKAGE
from integration_tests.dbt_package.test_package import CALL, warehouse_of
from integration_tests.destinations.servers import environment

SEED = PACKAGE / "seeds/kore_llm_public_prices.csv"
pytestmark = pytest.mark.timeout(900)
DAYS = ("2025-02-10", "2025-08-20", "2026-11-20")
EMPTY = (None, None)
# provider, model that answered, model that was asked for, name in the log; dollars for a million tokens of input and of
# output on each of the days, one pair where it did not change. From LiteLLM's maps of those days.
NAMES: list[tuple[str, str, str, str, Any]] = [
    ("", "", "", "Claude 4 Sonnet", (3, 15)),
    ("", "", "", "Claude 3.7 Sonnet", (3, 15)),
    ("", "", "", "Claude Sonnet 4.5", (3, 15)),
    ("", "", "", "Claude 3 Opus", (15, 75)),
    ("", "", "", "Amazon Nova Pro", (0.8, 3.2)),
    ("", "", "amazon.nova-pro", "", (0.8, 3.2)),
    ("", "", "", "OpenAI GPT-4o", (2.5, 10)),
    ("", "", "", "GPT-4o (Azure)", [(5, 15), (2.5, 10), (2.5, 10)]),
    ("", "", "", "Azure OpenAI - GPT-4o", [(5, 15), (2.5, 10), (2.5, 10)]),
    ("aws.bedrock", "", "", "Llama 3.1 70B Instruct", [(0.99, 0.99), (0.99, 0.99), (0.72, 0.72)]),
    ("", "", "", "Llama 3.1 70B Instruct", [(0.99, 0.99), (0.99, 0.99), (0.72, 0.72)]),
    ("", "", "gpt-oss-120b", "", (0.15, 0.6)),
    ("groq", "", "openai/gpt-oss-120b", "", [(0.15, 0.75), (0.15, 0.75), (0.15, 0.6)]),
    ("azure.ai.openai", "", "gpt-4-turbo", "", [(10, 30), (10, 30), (11, 33)]),
    ("openai", "", "gpt-4-turbo", "", (10, 30)),
    ("gcp.gemini", "gemini-2.0-flash", "", "", (0.1, 0.4)),
    ("gcp.gen_ai", "gemini-2.0-flash", "", "", (0.1, 0.4)),
    ("gcp.vertex_ai", "gemini-2.0-flash", "", "", [(0.1, 0.4), (0.1, 0.4), (0.15, 0.6)]),
    ("", "", "mistral-large-latest", "", [(2, 6), (2, 6), (0.5, 1.5)]),
    ("openai", "ft:gpt-4o-mini-2024-07-18:acme::x", "", "GPT-4o mini", (0.3, 1.2)),
    ("azure.ai.openai", "gpt-4o-mini-2024-07-18.ft-0123", "", "GPT-4o mini", EMPTY),
    ("", "gpt-35-turbo-16k", "", "GPT-4", EMPTY),
    ("azure.ai.openai", "gpt-35-turbo-16k", "", "GPT-4", (3, 4)),
    ("openai", "gpt-4o-2024-08-06", "gpt-4o", "GPT-4", (2.5, 10)),
    ("openai", "", "gpt-4o-prod", "", (2.5, 10)),
    ("azure.ai.openai", "", "kore-deployment-1", "GPT-4", (30, 60)),
    ("azure.ai.openai", "gpt-4.1-2025-04-14", "kore-deployment-1", "GPT-4", (2, 8)),
    ("", "", "gpt-4o-canvas-x", "", EMPTY),
    ("aws.bedrock", "", "us.anthropic.claude-3-7-sonnet-20250219-v1:0", "", (3, 15)),
    ("", "", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "", (3.3, 16.5)),
    ("aws.bedrock", "", "anthropic.claude-3-sonnet-20240229-v1:0:200k", "", (3, 15)),
    ("aws.bedrock", "", "mistral.mistral-large-2402-v1:0", "", [(8, 24), (8, 24), (4, 12)]),
    ("aws.bedrock", "", "amazon.titan-embed-text-v1:0", "", (0.1, 0)),
    ("aws.bedrock", "", "cohere.rerank-v3-5:0", "", EMPTY),
    ("gcp.vertex_ai", "", "publishers/google/models/gemini-1.5-pro-002", "", (1.25, 5)),
    ("", "", "claude-3-5-sonnet@20240620", "", (3, 15)),
    ("", "", "text-embedding-3-small", "", (0.02, 0)),
    ("cohere", "", "command-r-plus", "Command R+", (2.5, 10)),
    ("deepseek", "", "deepseek-chat", "", [(0.14, 0.28), (0.27, 1.1), (0.28, 0.42)]),
    ("x_ai", "", "grok-3", "", [(3, 15), (3, 15), (1.25, 2.5)]),
    ("openai", "", "o3", "", [(10, 40), (2, 8), (2, 8)]),
    ("together_ai", "", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "", EMPTY),
    ("", "", "", "XO GPT", EMPTY),
    ("", "", "", "Claude", EMPTY),
    ("", "", "", "gpt-4o (2024-08-06)", (2.5, 10)),
    ("", "", "", "Claude 3.5 Sonnet (v2)", (3, 15)),
    ("", "", "", "Command R (08-2024)", (0.15, 0.6)),
    ("azure.ai.openai", "", "gpt-4o-dev-01", "", [(5, 15), (2.5, 10), (2.5, 10)]),
    ("", "", "groq/llama-3.1-8b-instant", "", (0.05, 0.08)),
    ("", "", "", "Llama 3 70B", (2.65, 3.5)),
    ("aws.bedrock", "", "", "Mistral 7B Instruct", (0.15, 0.2)),
    ("openai", "gpt-3.5-turbo-instruct", "", "", (1.5, 2)),
]


def test_each_name_has_the_price_of_its_provider_and_day_or_none(tmp_path: Path) -> None:
    columns = ("provider", "response_model", "request_model", "model_name")
    calls = [
        CALL | dict(zip(columns, names, strict=True)) | {"id": f"{place} {day}", "end_date": day}
        for place, (*names, _) in enumerate(NAMES)
        for day in DAYS
    ]
    warehouse = warehouse_of(tmp_path, *calls)
    warehouse.dbt("build", "--exclude-resource-type", "test", "unit_test", "-s", "+kore_llm_calls")
    rows = {row["id"]: row for row in warehouse.tables(kore_llm_calls="")["kore_llm_calls"]}
    for place, (*name, expected) in enumerate(NAMES):
        of_days = [rows[f"{place} {day}"] for day in DAYS]
        found = [(row["input_usd_per_million"], row["output_usd_per_million"]) for row in of_days]
        assert found == (expected if isinstance(expected, list) else 3 * [expected]), name
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
    warehouse_of(tmp_path, {**CALL, "id": "1", "end_date": "2026-06-30"}, {**CALL, **ours})
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
    with duckdb.connect(str(tmp_path / "logs.duckdb")) as database:
        query = "SELECT price_source, priced_model, CAST(cost_usd AS DOUBLE) FROM theirs_llm.kore_llm_calls ORDER BY id"
        calls = database.execute(query).fetchall()
        budgets = database.execute("SELECT DISTINCT budget FROM theirs_llm.kore_llm_budgets ORDER BY 1").fetchall()
    # 1,000 tokens at 2 and 500 at 8 for a million; at 1 and 8.
    assert calls == [("own", "GPT-4o", pytest.approx(0.006)), ("public", "ours-1", pytest.approx(0.005))]
    assert budgets == [("GPT-4 a day",), ("all",)]
    assert "<b>$0.01</b>" in (tmp_path / "page.html").read_text()
