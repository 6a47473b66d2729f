"""The dbt package, run on the demo's database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import independent
from emulator_process import REPOSITORY

sys.path.append(str(REPOSITORY / "dbt" / "report"))
import marts
from page import write_page

__all__ = ["SYNC_GAP_SECONDS", "answers", "build", "differences", "write_page"]

SYNC_GAP_SECONDS = 2
VARIABLES = {
    "kore_llm_sync_gap_seconds": SYNC_GAP_SECONDS,
    "kore_llm_budgets": [{"budget": "all bots", "period": "month", "budget_usd": 5}],
}


def build(database: Path, folder: Path) -> str:
    """Make the models; what was made, in a sentence. Raises RuntimeError with what dbt said if it fails."""
    command = [
        str(Path(sys.executable).with_name("dbt")),
        *("--quiet", "--no-use-colors", "build", "--exclude-resource-type", "test", "unit_test"),
        *("--project-dir", str(marts.PACKAGE), "--profiles-dir", str(marts.PACKAGE)),
        *_settings(folder),
    ]
    os.environ["KORE_DUCKDB"] = str(database)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"dbt failed:\n{done.stdout[-3000:]}")
    results = json.loads((folder / "dbt" / "run_results.json").read_text())["results"]
    made = [result for result in results if result["unique_id"].startswith("model.")]
    return f"{len(made)} models in {sum(result['execution_time'] for result in results):.1f} seconds"


def answers(database: Path, folder: Path) -> dict[str, marts.Answer]:
    """The marts that the page shows."""
    os.environ["KORE_DUCKDB"] = str(database)
    return marts.ask(*_settings(folder))


def differences(database: Path, rows: Mapping[str, Iterable[dict[str, Any]]]) -> list[str]:
    """A line for each day and each model of which the marts say something else than the rows of the API."""
    calls = [independent.Call(bot, row) for bot, some in rows.items() for row in some]
    prices, wrong = independent.prices(), []
    with duckdb.connect(str(database), read_only=True) as connection:
        for name, key in (("day", lambda call: call.day), ("model", lambda call: call.named("Model Name"))):
            columns = ", ".join(independent.SUMS)
            found = connection.execute(
                f"SELECT CAST({name} AS VARCHAR), {columns} FROM kore_llm_usage_by_{name}"
            ).fetchall()
            expected = independent.sums(calls, key, prices)
            wrong += independent.differences({row[0]: row[1:] for row in found}, expected)
    return wrong


def _settings(folder: Path) -> list[str]:
    return [
        *("--target", "duckdb", "--target-path", str(folder / "dbt"), "--log-path", str(folder / "dbt")),
        *("--vars", json.dumps(VARIABLES)),
    ]
