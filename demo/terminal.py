"""The main columns of the main marts, as tables in the terminal."""

from __future__ import annotations

import sys
from typing import Any

from emulator_process import REPOSITORY
from rich.console import Console
from rich.table import Table

sys.path.append(str(REPOSITORY / "dbt" / "report"))
from marts import Answer

USAGE = ("calls", "request_tokens", "response_tokens", "failed_percent")
DAYS = 7
TABLES = {
    "kore_llm_completeness": (
        "Freshness and completeness",
        ("bot_id", "calls", "last_call_at", "calls_without_price", "answers_without_cost"),
    ),
    "kore_llm_syncs": ("Rows by sync", ("sync", "calls", "first_arrival_at", "first_call_at", "last_call_at")),
    "kore_llm_usage_by_day": (f"Tokens and failures by day (last {DAYS} days)", ("day", *USAGE)),
    "kore_llm_usage_by_model": ("Tokens and cost by model", ("model", *USAGE, "calls_without_price", "cost_usd")),
    "kore_llm_budgets": (
        "Budgets",
        ("period_start", "budget_usd", "spent_usd", "used_percent", "passed_on", "costliest_model"),
    ),
    "kore_llm_guardrail_outcomes": (
        "Guardrails: passed and stopped",
        ("scanner", "scanned", "scans", "passed", "stopped", "no_verdict", "stopped_percent"),
    ),
}


def print_tables(console: Console, answers: dict[str, Answer]) -> None:
    """Show them; of the days, only the last ones."""
    for mart, (title, columns) in TABLES.items():
        rows = answers[mart].rows[-DAYS:] if mart == "kore_llm_usage_by_day" else answers[mart].rows
        answer = Answer(answers[mart].columns, rows)
        cells = [answer.column(name) for name in columns]
        table = Table(title=title, title_justify="left", title_style="bold")
        for name, values in zip(columns, cells, strict=True):
            is_text = any(isinstance(value, str) for value in values)
            table.add_column(name.replace("_", " "), justify="left" if is_text else "right", no_wrap=is_text)
        for row in zip(*cells, strict=True):
            table.add_row(*(_cell(value, name) for value, name in zip(row, columns, strict=True)))
        console.print(table)


def _cell(value: Any, name: str) -> str:
    if value is None:
        return "-"
    if name == "bot_id":
        return f"{value[:12]}…" if len(value) > 14 else str(value)
    if name.endswith("_usd"):
        return f"${value:,.2f}"
    if name.endswith("_at"):
        return str(value).replace("T", " ")[:16]
    if name.endswith("_percent"):
        return f"{value:,.1f}"
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)
