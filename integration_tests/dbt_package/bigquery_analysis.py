"""Google's own analyzer (ZetaSQL) on all SQL of the package, with the features that BigQuery has and no others.

    bigquery_analysis.py        # prints {"analyzed": names, "partitioned": …, "faults": what it would refuse}

In dbt's environment. With all features on, casts pass that BigQuery refuses (`cast(x as numeric(12, 6))`). Each model
becomes a table for those that follow, with the types that were found.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from wasmtime import Config
from zetasql.api import Analyzer, CatalogBuilder, TableBuilder
from zetasql.core import wasm_client
from zetasql.types import AnalyzerOptions, LanguageFeature, LanguageOptions, TypeKind, ZetaSQLBuiltinFunctionOptions

sys.path += [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[2] / "dbt")]
from print_sql import manifest, statements

from integration_tests.destinations.column_types import expected_types

FEATURES = Path(__file__).with_name("bigquery_features.txt").read_text().split()
COLUMNS = expected_types("Airbyte's bigquery") | {"_airbyte_extracted_at": "TIMESTAMP", "_airbyte_meta": "JSON"}
SETTINGS = {
    "kore_llm_logs_schemas": ["one", "two"],
    "kore_llm_own_prices": [
        {"model": "GPT-4o", "valid_from": "2026-01-01", "input_usd_per_million": 2, "output_usd_per_million": 8}
    ],
    "kore_llm_budgets": [{"budget": "it's all", "period": "month", "budget_usd": 500}],
    "kore_llm_model_aliases": [{"alias": "ours", "model": "gpt-4o", "provider": "openai"}],
}


def caching() -> Config:
    """The analyzer is compiled from WebAssembly, which takes half a minute: once on a machine."""
    config = Config()
    config.cache = True
    return config


def language() -> LanguageOptions:
    return LanguageOptions(
        enabled_language_features=[LanguageFeature[f"FEATURE_{name}"] for name in FEATURES],
        product_mode="PRODUCT_EXTERNAL",
    )


def columns_of(query: str, tables: dict[str, dict[str, str]]) -> dict[str, str]:
    """The columns of a query, each with its type; raises what the analyzer does."""
    functions = ZetaSQLBuiltinFunctionOptions(language_options=language())
    catalog = CatalogBuilder("warehouse").with_builtin_functions(functions)
    for name, columns in tables.items():
        table = TableBuilder(name)
        for column, kind in columns.items():
            table.add_column(column, TypeKind[f"TYPE_{kind.upper().replace('FLOAT64', 'DOUBLE')}"])
        catalog.add_table(table.build())
    statement = Analyzer(AnalyzerOptions(language_options=language()), catalog.build()).analyze_statement(query)
    return {
        column.name: TypeKind(column.column.type.type_kind).name.removeprefix("TYPE_")
        for column in statement.output_column_list
    }


def analysis(compiled: dict[str, Any]) -> dict[str, list[str]]:
    """Every model and test of a compiled project."""
    tables, done, faults = {"llm_usage_logs": COLUMNS}, [], []
    tests = [
        f"CREATE OR REPLACE VIEW `{node['name']}` AS\n{node['compiled_code']}"
        for node in compiled["nodes"].values()
        if node["resource_type"] == "test"
    ]
    for text in [*statements(compiled), *tests]:
        statement = re.sub(r"`[^`]+`\.`[^`]+`\.", "", text).strip().rstrip(";")
        if table := re.match(r"CREATE TABLE IF NOT EXISTS `(\w+)` \((.*)\)$", statement, re.S):
            tables[table[1]] = dict(column.strip().split(" ", 1) for column in table[2].split(","))
        elif view := re.match(r"CREATE OR REPLACE VIEW `(.+)` AS\n(.*)", statement, re.S):
            if re.search(r"\bcast\s*\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\bas\s+\w+\s*\(", view[2], re.I):
                faults.append(f"{view[1]}: a cast with parameters")
            try:
                tables[view[1]] = columns_of(view[2], tables)
            except Exception as error:  # The analyzer's own class of errors is not part of its public names.
                faults.append(f"{view[1]}: {error}")
            done.append(view[1])
    partitioned = [node["name"] for node in compiled["nodes"].values() if node["config"].get("partition_by")]
    return {"analyzed": done, "faults": faults, "partitioned": partitioned}


if __name__ == "__main__":
    wasm_client.Config = caching
    print(json.dumps(analysis(manifest("bigquery", SETTINGS))))
