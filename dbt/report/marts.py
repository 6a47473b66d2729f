"""The marts, read through dbt: so they can be in any warehouse, with no other settings than `dbt build` had."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent.parent
MOST = 10
MARTS = {
    "kore_llm_completeness": "order by bot_id",
    "kore_llm_syncs": "order by first_arrival_at desc",
    "kore_llm_usage_by_day": "order by day",
    "kore_llm_unusual_days": "order by day",
    "kore_llm_usage_by_model": "order by calls desc, model",
    "kore_llm_usage_by_feature": "order by calls desc, feature",
    "kore_llm_usage_by_channel": "order by calls desc, channel",
    "kore_llm_budgets": "order by period_start, budget",
    "kore_llm_guardrail_outcomes": "order by scans desc, scanner, scanned",
    "kore_llm_usage_by_user": f"order by place limit {MOST}",
    "kore_llm_usage_by_bot": f"order by place limit {MOST}",
    "kore_llm_failures": f"order by place limit {MOST}",
    "kore_llm_usage_by_prompt": f"order by place limit {MOST}",
    "kore_llm_growth_by_week": "order by week",
}
"""The marts that the page shows, and which of their rows in what order."""


@dataclass(frozen=True)
class Answer:
    """What one mart says: named columns and rows."""

    columns: list[str]
    rows: list[list[Any]]

    def column(self, name: str) -> list[Any]:
        """One column, in the order of the rows."""
        index = self.columns.index(name)
        return [row[index] for row in self.rows]

    def first(self, count: int) -> Answer:
        """The same with only the first rows."""
        return Answer(self.columns, self.rows[:count])

    def of(self, name: str, value: Any) -> Answer:
        """The same with only the rows that have a value in a column."""
        index = self.columns.index(name)
        return Answer(self.columns, [row for row in self.rows if row[index] == value])

    def known(self, name: str) -> Answer:
        """The same without the rows in which a column is empty."""
        index = self.columns.index(name)
        return Answer(self.columns, [row for row in self.rows if row[index] is not None])

    def by(self, name: str) -> Answer:
        """The same, the largest of a column first, and what is not known last."""
        index = self.columns.index(name)
        return Answer(self.columns, sorted(self.rows, key=lambda row: (row[index] is None, -(row[index] or 0))))

    def total(self, name: str) -> Any:
        """The sum of a column; what is not known is left out."""
        return sum(value for value in self.column(name) if value is not None)


def project() -> Path:
    """The project to ask: that of the folder one is in, if it uses this package; else the package itself."""
    here = Path.cwd()
    return here if (here / "dbt_project.yml").exists() and here != PACKAGE else PACKAGE


def ask(*arguments: str) -> dict[str, Answer]:
    """The marts, read by dbt with these arguments besides; raises RuntimeError with what dbt said if it cannot."""
    dbt, folder = Path(sys.executable).with_name("dbt"), project()
    done = subprocess.run(
        [
            str(dbt if dbt.exists() else "dbt"),
            *("--quiet", "--no-use-colors", "run-operation", "kore_llm_logs.print_tables"),
            *("--args", json.dumps({"tables": MARTS})),
            *("--project-dir", str(folder)),
            *(("--profiles-dir", str(PACKAGE)) if folder == PACKAGE and "DBT_PROFILES_DIR" not in os.environ else ()),
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"dbt could not read the marts. Has `dbt build` run?\n{done.stdout[-3000:]}")
    printed = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    return {name: Answer(table["columns"], table["rows"]) for name, table in printed.items()}
