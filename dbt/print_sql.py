"""Prints the package as one SQL script, for those who do not run dbt: tables of prices, then a view for each model.

    python dbt/print_sql.py duckdb|postgres|snowflake|bigquery > kore_llm_logs.sql

No warehouse is asked. The script takes the table for one that Airbyte wrote, with all the columns of the stream, and
names databases and schemas as the environment does that dbt/profiles.yml reads.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent
SETTINGS = {
    # Without these, dbt asks Google for credentials before it compiles.
    "BIGQUERY_METHOD": "oauth-secrets",
    "BIGQUERY_TOKEN": "none",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
}


def manifest(warehouse: str, variables: dict[str, Any]) -> dict[str, Any]:
    """Every model, compiled for the warehouse. Raises RuntimeError with what dbt said if it cannot."""
    dbt = Path(sys.executable).with_name("dbt")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                str(dbt if dbt.exists() else "dbt"),
                *("--quiet", "--no-use-colors", "compile", "--no-introspect", "--no-populate-cache"),
                *("--project-dir", str(PACKAGE), "--profiles-dir", str(PACKAGE), "--target", warehouse),
                *("--target-path", folder, "--log-path", folder),
                *("--vars", json.dumps({**variables, "kore_llm_introspect": False})),
            ],
            env={**os.environ, **SETTINGS},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"dbt could not compile for {warehouse}:\n{done.stdout[-3000:]}")
        compiled: dict[str, Any] = json.loads((Path(folder) / "manifest.json").read_text())
    return compiled


def statements(compiled: dict[str, Any]) -> Iterator[str]:
    """CREATE statements, each after those that it needs."""
    nodes = {name: node for name, node in compiled["nodes"].items() if node["resource_type"] in ("seed", "model")}
    done: set[str] = set()
    while len(done) < len(nodes):
        for name, node in nodes.items():
            if name not in done and done.issuperset(set(node["depends_on"].get("nodes", ())) & nodes.keys()):
                done.add(name)
                yield from _seed(node) if node["resource_type"] == "seed" else [_view(node)]


def _view(node: dict[str, Any]) -> str:
    return f"CREATE OR REPLACE VIEW {node['relation_name']} AS\n{node['compiled_code'].strip()};"


def _seed(node: dict[str, Any]) -> Iterator[str]:
    kinds: dict[str, str] = node["config"]["column_types"]
    columns = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    yield f"CREATE TABLE IF NOT EXISTS {node['relation_name']} ({columns});"
    yield f"DELETE FROM {node['relation_name']} WHERE true;"
    with (PACKAGE / node["original_file_path"]).open(encoding="utf-8") as file:
        rows = [", ".join(_literal(row[name], kind) for name, kind in kinds.items()) for row in csv.DictReader(file)]
    yield f"INSERT INTO {node['relation_name']} VALUES\n" + ",\n".join(f"({row})" for row in rows) + ";"


def _literal(text: str, kind: str) -> str:
    if not text:
        return "NULL"
    return text if kind.startswith(("numeric", "bigint", "int")) else "'" + text.replace("'", "''") + "'"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        sys.stdout.write("\n\n".join(statements(manifest(sys.argv[1], {}))) + "\n")
    except RuntimeError as error:
        sys.exit(str(error))
