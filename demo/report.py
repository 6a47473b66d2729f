"""The answers to `docs/queries/duckdb/*.sql`, as tables in the terminal and as one self-contained HTML page."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import duckdb
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from rich.console import Console
from rich.table import Table

QUERIES = Path(__file__).resolve().parent.parent / "docs/queries/duckdb"
TITLES = {
    "rows_by_bot": "Rows by bot",
    "tokens_and_failures_by_day": "Tokens and failures by day",
    "usage_by_model": "Tokens and failures by model",
    "usage_by_feature": "Tokens and failures by feature",
    "latency_by_model": "Latency by model",
}
DAYS_IN_TERMINAL = 14
BLUE, LIGHT_BLUE, RED, DARK = "#2b6cb0", "#90cdf4", "#e53e3e", "#2a4365"


@dataclass(frozen=True)
class Answer:
    """What one query says: named columns and rows."""

    columns: list[str]
    rows: list[tuple[Any, ...]]

    def column(self, name: str) -> list[Any]:
        """One column, in the order of the rows."""
        index = self.columns.index(name)
        return [row[index] for row in self.rows]


def ask(database: duckdb.DuckDBPyConnection) -> dict[str, Answer]:
    """Run each query file."""
    answers = {}
    for question in TITLES:
        result = database.execute((QUERIES / f"{question}.sql").read_text())
        answers[question] = Answer([column[0] for column in result.description], result.fetchall())
    return answers


def print_tables(console: Console, answers: dict[str, Answer]) -> None:
    """Show each answer; of the days, only the last ones."""
    for question, title in TITLES.items():
        answer, rows = answers[question], answers[question].rows
        if question == "tokens_and_failures_by_day":
            rows, title = rows[-DAYS_IN_TERMINAL:], f"{title} (last {DAYS_IN_TERMINAL} days)"
        table = Table(title=title, title_justify="left", title_style="bold")
        for index, name in enumerate(answer.columns):
            table.add_column(name.replace("_", " "), justify="left" if index == 0 else "right")
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        console.print(table)


def write_page(path: Path, answers: dict[str, Answer]) -> None:
    """Write the charts; the page loads nothing from elsewhere."""
    figures = [
        _tokens_and_failures_by_day(answers["tokens_and_failures_by_day"]),
        _usage("model", answers["usage_by_model"]),
        _usage("feature", answers["usage_by_feature"]),
        _latency(answers["latency_by_model"]),
    ]
    charts = "\n".join(
        f"<section>{figure.to_html(full_html=False, include_plotlyjs=False, config={'displaylogo': False})}</section>"
        for figure in figures
    )
    bots = answers["rows_by_bot"]
    calls = sum(bots.column("calls"))
    first, last = min(bots.column("first_call")), max(bots.column("last_call"))
    summary = f"{calls:,} calls of {len(bots.rows)} bots, {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    path.write_text(PAGE.format(plotly=get_plotlyjs(), summary=escape(summary), charts=charts), encoding="utf-8")


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kore.ai LLM usage</title>
<style>
  body {{ font-family: system-ui, sans-serif; color: #1a202c; background: #f7fafc; margin: 2rem auto;
         max-width: 1100px; padding: 0 1rem; }}
  section {{ background: white; border: 1px solid #e2e8f0; border-radius: 8px; margin: 1rem 0;
            padding: .5rem; }}
</style>
<script>{plotly}</script>
<h1>Kore.ai LLM usage</h1>
<p>{summary}</p>
{charts}
</html>
"""


def _tokens_and_failures_by_day(answer: Answer) -> go.Figure:
    days = answer.column("day")
    figure = go.Figure(
        [
            go.Bar(name="request tokens", x=days, y=answer.column("request_tokens"), marker_color=BLUE),
            go.Bar(name="response tokens", x=days, y=answer.column("response_tokens"), marker_color=LIGHT_BLUE),
            go.Scatter(
                name="failed calls, %",
                x=days,
                y=answer.column("failed_percent"),
                yaxis="y2",
                mode="lines",
                line={"color": RED, "width": 1.5},
            ),
        ]
    )
    figure.update_layout(
        barmode="stack",
        yaxis_title="tokens",
        yaxis2={
            "title": "failed calls, %",
            "overlaying": "y",
            "side": "right",
            "rangemode": "tozero",
            "showgrid": False,
        },
    )
    return _finished(figure, TITLES["tokens_and_failures_by_day"])


def _usage(what: str, answer: Answer) -> go.Figure:
    names = [
        f"{name} ({_cell(failed)} % failed)"
        for name, failed in zip(answer.column(what), answer.column("failed_percent"), strict=True)
    ]
    figure = go.Figure(
        [
            go.Bar(
                name=f"{side} tokens",
                y=names,
                x=answer.column(f"{side}_tokens"),
                orientation="h",
                marker_color=color,
            )
            for side, color in (("request", BLUE), ("response", LIGHT_BLUE))
        ]
    )
    figure.update_layout(barmode="stack", xaxis_title="tokens", height=160 + 34 * len(names))
    figure.update_yaxes(autorange="reversed", automargin=True, ticksuffix="  ")
    return _finished(figure, TITLES[f"usage_by_{what}"])


def _latency(answer: Answer) -> go.Figure:
    figure = go.Figure(
        [
            go.Bar(name=name, x=answer.column("model"), y=answer.column(f"{name}_ms"), marker_color=color)
            for name, color in (("p50", LIGHT_BLUE), ("p95", BLUE), ("p99", DARK))
        ]
    )
    figure.update_layout(barmode="group", yaxis_title="milliseconds")
    return _finished(figure, TITLES["latency_by_model"])


def _finished(figure: go.Figure, title: str) -> go.Figure:
    figure.update_layout(
        title=title,
        template="plotly_white",
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.12},
        margin={"l": 60, "r": 60, "t": 80, "b": 50},
    )
    return figure


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime.datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.1f}"
    return f"{value:,.0f}" if isinstance(value, int | float) or hasattr(value, "as_tuple") else str(value)
