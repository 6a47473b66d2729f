"""The answers to `docs/queries/duckdb/*.sql`, as tables in the terminal and as one self-contained HTML page."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import duckdb
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots
from rich.console import Console
from rich.table import Table

QUERIES = Path(__file__).resolve().parent.parent / "docs/queries/duckdb"
PREPARATION = ("model_prices", "call_costs")
TITLES = {
    "usage_by_day": "Tokens and failures by day",
    "usage_by_model": "Tokens by model",
    "usage_by_feature": "Tokens by feature",
    "usage_by_channel": "Tokens by channel",
    "latency_by_model": "Time to answer by model",
    "cost_by_day": "Cost by day",
    "cost_by_model": "Cost by model",
    "most_expensive_prompts": "Most expensive prompts",
    "growth_by_week": "Tokens by week and per call",
    "heaviest_users": "Heaviest users",
    "guardrail_outcomes": "Guardrails: passed and stopped",
}
USAGE = ("calls", "request_tokens", "response_tokens", "failed_percent")
IN_TERMINAL = {
    "usage_by_day": ("day", *USAGE),
    "usage_by_model": ("model", *USAGE),
    "usage_by_feature": ("feature", *USAGE),
    "latency_by_model": ("model", "timed_calls", "p50_ms", "p95_ms", "p99_ms"),
    "cost_by_model": ("model", "price", "calls", "calls_without_price", "calls_without_tokens", "cost_usd"),
    "guardrail_outcomes": ("scanner", "req_type", "scans", "passed", "stopped", "no_verdict", "stopped_percent"),
}
DAYS_IN_TERMINAL = 7
BARS = 10
BLUE, LIGHT_BLUE, DARK, RED, GREEN, GREY = "#2b6cb0", "#90cdf4", "#1a365d", "#e53e3e", "#2f855a", "#a0aec0"


@dataclass(frozen=True)
class Answer:
    """What one query says: named columns and rows."""

    columns: list[str]
    rows: list[tuple[Any, ...]]

    def column(self, name: str) -> list[Any]:
        """One column, in the order of the rows."""
        index = self.columns.index(name)
        return [row[index] for row in self.rows]

    def first(self, count: int) -> Answer:
        """The same with only the first rows."""
        return Answer(self.columns, self.rows[:count])

    def known(self, name: str) -> Answer:
        """The same without the rows in which a column is empty."""
        index = self.columns.index(name)
        return Answer(self.columns, [row for row in self.rows if row[index] is not None])

    def total(self, name: str) -> Any:
        """The sum of a column; what is not known is left out."""
        return sum(value for value in self.column(name) if value is not None)


def ask(database: duckdb.DuckDBPyConnection) -> dict[str, Answer]:
    """Make the price table and the view of costs, and run each query file."""
    for name in PREPARATION:
        database.execute((QUERIES / f"{name}.sql").read_text(encoding="utf-8"))
    answers = {}
    for question in TITLES:
        result = database.execute((QUERIES / f"{question}.sql").read_text(encoding="utf-8"))
        answers[question] = Answer([column[0] for column in result.description], result.fetchall())
    return answers


def print_tables(console: Console, answers: dict[str, Answer]) -> None:
    """Show the main columns of the main answers; of the days, only the last ones."""
    for question, columns in IN_TERMINAL.items():
        cells, title = [answers[question].column(name) for name in columns], TITLES[question]
        if question == "usage_by_day":
            cells, title = [values[-DAYS_IN_TERMINAL:] for values in cells], f"{title} (last {DAYS_IN_TERMINAL} days)"
        table = Table(title=title, title_justify="left", title_style="bold")
        for name, values in zip(columns, cells, strict=True):
            is_text = any(isinstance(value, str) for value in values)
            table.add_column(name.replace("_", " "), justify="left" if is_text else "right", no_wrap=is_text)
        for row in zip(*cells, strict=True):
            table.add_row(*(_cell(value, name) for value, name in zip(row, columns, strict=True)))
        console.print(table)


def write_page(path: Path, answers: dict[str, Answer]) -> None:
    """Write the charts; the page loads nothing from elsewhere."""
    charts = [
        ("usage_by_day", _tokens_and_failures(answers["usage_by_day"]), "wide"),
        ("cost_by_day", _cost_by_day(answers["cost_by_day"]), "wide"),
        ("usage_by_model", _usage("model", answers["usage_by_model"]), ""),
        ("cost_by_model", _cost_by_model(answers["cost_by_model"]), ""),
        ("usage_by_feature", _usage("feature", answers["usage_by_feature"]), ""),
        ("usage_by_channel", _usage("channel", answers["usage_by_channel"]), ""),
        ("latency_by_model", _latency(answers["latency_by_model"]), ""),
        ("guardrail_outcomes", _guardrails(answers["guardrail_outcomes"]), ""),
        ("heaviest_users", _heaviest_users(answers["heaviest_users"]), ""),
        ("most_expensive_prompts", _prompts(answers["most_expensive_prompts"]), ""),
        ("growth_by_week", _growth(answers["growth_by_week"]), "wide"),
    ]
    sections = "\n".join(
        f'<section class="{kind}"><h2>{escape(TITLES[question])}</h2>'
        + figure.to_html(full_html=False, include_plotlyjs=False, config={"displayModeBar": False, "responsive": True})
        + f"<footer>{escape(question)}.sql</footer></section>"
        for question, figure, kind in charts
    )
    days, costs = answers["usage_by_day"], answers["cost_by_day"]
    first, last = min(days.known("day").column("day")), max(days.known("day").column("day"))
    calls, without_cost = days.total("calls"), costs.total("calls") - costs.total("priced_calls")
    figures = "\n".join(
        f"<div><b>{value}</b> {name}</div>"
        for value, name in [
            (f"{calls:,}", "calls"),
            (f"{days.total('total_tokens'):,}", f"tokens, counted in {days.total('calls_with_tokens'):,} calls"),
            (f"{100 * days.total('failures') / calls:.1f} %", "of the calls failed"),
            (f"${costs.total('cost_usd'):,.2f}", f"at example prices; {without_cost:,} calls without price or tokens"),
        ]
    )
    page = PAGE.format(plotly=get_plotlyjs(), period=f"{first} to {last}, UTC", figures=figures, charts=sections)
    path.write_text(page, encoding="utf-8")


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kore.ai LLM usage</title>
<style>
  body {{ font-family: system-ui, sans-serif; color: #1a202c; background: #f7fafc; margin: 2rem auto;
         max-width: 1280px; padding: 0 1rem; }}
  h1 {{ margin: 0; }}
  h2 {{ font-size: 1rem; margin: .25rem .5rem; }}
  .figures, .charts {{ display: grid; gap: 1rem; grid-template-columns: repeat(4, 1fr); margin: 1rem 0; }}
  .charts {{ grid-template-columns: repeat(2, minmax(0, 1fr)); }}
  .figures div, section {{ background: white; border: 1px solid #e2e8f0; border-radius: 8px; padding: .75rem;
         min-width: 0; overflow: hidden; }}
  .figures b {{ display: block; font-size: 1.5rem; }}
  .wide {{ grid-column: 1 / -1; }}
  footer, p {{ color: #718096; font-size: .8rem; margin: .25rem .5rem; }}
  @media (max-width: 800px) {{ .figures, .charts {{ grid-template-columns: minmax(0, 1fr); }} }}
</style>
<script>{plotly}</script>
<h1>Kore.ai LLM usage</h1>
<p>{period}. Under each chart is the query behind it, in docs/queries/duckdb.</p>
<div class="figures">
{figures}
</div>
<div class="charts">
{charts}
</div>
</html>
"""


def _tokens_and_failures(answer: Answer) -> go.Figure:
    answer = answer.known("day")
    days = answer.column("day")
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.06)
    for side, color in (("request", BLUE), ("response", LIGHT_BLUE)):
        bars = go.Bar(name=f"{side} tokens", x=days, y=answer.column(f"{side}_tokens"), marker_color=color)
        figure.add_trace(bars, row=1, col=1)
    failed = go.Bar(
        name="failed calls",
        x=days,
        y=answer.column("failed_percent"),
        marker_color=RED,
        customdata=list(zip(answer.column("failures"), answer.column("calls"), strict=True)),
        hovertemplate="%{y:.1f} %: %{customdata[0]:,} of %{customdata[1]:,} calls",
    )
    figure.add_trace(failed, row=2, col=1)
    figure.update_layout(barmode="stack", hovermode="x unified")
    figure.update_yaxes(title_text="tokens", tickformat=",", row=1, col=1)
    figure.update_yaxes(title_text="failed calls", ticksuffix=" %", row=2, col=1)
    return _finished(figure, height=420)


def _cost_by_day(answer: Answer) -> go.Figure:
    answer = answer.known("day")
    missing = [
        calls - priced for calls, priced in zip(answer.column("calls"), answer.column("priced_calls"), strict=True)
    ]
    bars = go.Bar(
        x=answer.column("day"),
        y=answer.column("cost_usd"),
        marker_color=GREEN,
        customdata=missing,
        hovertemplate="%{x|%Y-%m-%d}: $%{y:,.2f}<br>%{customdata:,} calls without price or tokens<extra></extra>",
    )
    figure = go.Figure(bars)
    figure.update_yaxes(title_text="US dollars", tickprefix="$", tickformat=",.2f")
    return _finished(figure, height=260)


def _usage(what: str, answer: Answer) -> go.Figure:
    figure = _across([
        go.Bar(name=f"{side} tokens", y=answer.column(what), x=answer.column(f"{side}_tokens"), marker_color=color)
        for side, color in (("request", BLUE), ("response", LIGHT_BLUE))
    ])  # fmt: skip
    labels = [
        f"{_percent(failed)} of {calls:,} failed"
        if tokens is not None
        else f"no tokens counted, {_percent(failed)} of {calls:,} failed"
        for tokens, calls, failed in zip(
            answer.column("total_tokens"), answer.column("calls"), answer.column("failed_percent"), strict=True
        )
    ]
    _label(figure, answer.column(what), answer.column("total_tokens"), labels)
    figure.update_xaxes(title_text="tokens", tickformat="~s")
    return _finished(figure, bars=len(answer.rows))


def _cost_by_model(answer: Answer) -> go.Figure:
    costs = answer.column("cost_usd")
    figure = _across([go.Bar(y=answer.column("model"), x=costs, marker_color=GREEN)])
    labels = [
        f"${cost:,.2f}"
        if cost is not None
        else f"{price}: {calls:,} calls"
        if price == "no price"
        else "no tokens counted"
        for cost, price, calls in zip(costs, answer.column("price"), answer.column("calls"), strict=True)
    ]
    _label(figure, answer.column("model"), costs, labels)
    figure.update_xaxes(title_text="US dollars, at the prices of model_prices.sql", tickprefix="$", tickformat=",")
    return _finished(figure, bars=len(answer.rows))


def _latency(answer: Answer) -> go.Figure:
    figure = _across([
        go.Bar(name=name, y=answer.column("model"), x=answer.column(f"{name}_ms"), marker_color=color)
        for name, color in (("p50", LIGHT_BLUE), ("p95", BLUE), ("p99", DARK))
    ])  # fmt: skip
    figure.update_layout(barmode="group", bargap=0.25)
    figure.update_xaxes(title_text="milliseconds", tickformat=",")
    return _finished(figure, bars=len(answer.rows), each=40)


def _guardrails(answer: Answer) -> go.Figure:
    names = [f"{name}, {kind}" for name, kind in zip(answer.column("scanner"), answer.column("req_type"), strict=True)]
    figure = _across([
        go.Bar(name=outcome.replace("_", " "), y=names, x=answer.column(outcome), marker_color=color)
        for outcome, color in (("passed", LIGHT_BLUE), ("stopped", RED), ("no_verdict", GREY))
    ])  # fmt: skip
    labels = [f"{_percent(percent)} stopped" for percent in answer.column("stopped_percent")]
    _label(figure, names, answer.column("scans"), labels)
    figure.update_xaxes(title_text="scans", tickformat=",")
    return _finished(figure, bars=len(answer.rows))


def _heaviest_users(answer: Answer) -> go.Figure:
    answer = answer.first(BARS)
    names = [_shortened(user) for user in answer.column("user_id")]
    figure = _across([go.Bar(y=names, x=answer.column("total_tokens"), marker_color=BLUE)])
    labels = [f"{_percent(percent)} of all" for percent in answer.column("tokens_percent")]
    _label(figure, names, answer.column("total_tokens"), labels)
    figure.update_xaxes(title_text="tokens", tickformat="~s")
    return _finished(figure, bars=len(answer.rows))


def _prompts(answer: Answer) -> go.Figure:
    answer = answer.known("cost_usd").first(BARS)
    names = [
        prompt if feature in prompt else f"{prompt}, {feature}"
        for prompt, feature in zip(answer.column("prompt"), answer.column("feature"), strict=True)
    ]
    figure = _across([go.Bar(y=names, x=answer.column("cost_usd"), marker_color=GREEN)])
    labels = [f"${1000 * each:,.2f} for 1,000 calls" for each in answer.column("cost_per_call_usd")]
    _label(figure, names, answer.column("cost_usd"), labels)
    figure.update_xaxes(title_text="US dollars", tickprefix="$", tickformat=",")
    return _finished(figure, bars=len(answer.rows))


def _growth(answer: Answer) -> go.Figure:
    weeks, whole = answer.column("week"), answer.column("whole_week")
    changes = [
        "(not a whole week)" if not is_whole else f"{change:+.1f} %" if change is not None else ""
        for is_whole, change in zip(whole, answer.column("tokens_change_percent"), strict=True)
    ]
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.6, 0.4], vertical_spacing=0.08)
    bars = go.Bar(
        name="tokens",
        x=weeks,
        y=answer.column("total_tokens"),
        marker_color=[BLUE if is_whole else LIGHT_BLUE for is_whole in whole],
        customdata=changes,
        hovertemplate="%{y:,} tokens %{customdata}<extra></extra>",
    )
    line = go.Scatter(
        name="tokens a call", x=weeks, y=answer.column("tokens_per_call"), mode="lines+markers", line={"color": DARK},
        hovertemplate="%{y:,.1f} tokens a call<extra></extra>",
    )  # fmt: skip
    figure.add_trace(bars, row=1, col=1)
    figure.add_trace(line, row=2, col=1)
    figure.update_layout(showlegend=False, hovermode="x unified")
    figure.update_yaxes(title_text="tokens", tickformat=",", row=1, col=1)
    figure.update_yaxes(title_text="tokens a call", tickformat=",", rangemode="tozero", row=2, col=1)
    figure.update_xaxes(
        title_text="weeks begin on Monday; light bars: weeks that are not whole in the data", row=2, col=1
    )
    return _finished(figure, height=360)


def _across(bars: Sequence[go.Bar]) -> go.Figure:
    """Bars that lie, the first on top, so that long names can be read."""
    figure = go.Figure([bar.update(orientation="h") for bar in bars])
    figure.update_layout(barmode="stack", showlegend=len(bars) > 1)
    figure.update_yaxes(autorange="reversed", automargin=True, ticksuffix=" ", type="category")
    return figure


def _label(figure: go.Figure, names: Sequence[str], ends: Sequence[Any], labels: Sequence[str]) -> None:
    """Write a label behind each bar, and leave room for it."""
    figure.add_trace(
        go.Scatter(
            x=[float(end or 0) for end in ends],
            y=list(names),
            text=[f" {label}" for label in labels],
            mode="text",
            textposition="middle right",
            textfont={"size": 11, "color": "#4a5568"},
            showlegend=False,
            hoverinfo="skip",
            cliponaxis=False,
        )
    )
    longest = max((float(end or 0) for end in ends), default=0)
    figure.update_xaxes(range=[0, 1.6 * longest or 1])


def _finished(figure: go.Figure, *, height: int = 0, bars: int = 0, each: int = 28) -> go.Figure:
    figure.update_layout(
        template="plotly_white",
        height=height or 110 + each * bars,
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom", "traceorder": "normal"},
        margin={"l": 70, "r": 20, "t": 30, "b": 45},
        font={"family": "system-ui, sans-serif", "size": 12},
        separators=".,",
    )
    return figure


def _shortened(identifier: str) -> str:
    return identifier if len(identifier) <= 14 else f"{identifier[:12]}…"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} %"


def _cell(value: Any, name: str = "") -> str:
    if value is None:
        return "-"
    if name.endswith("_usd"):
        return f"${value:,.2f}"
    if isinstance(value, datetime.datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if name.endswith("_percent") or (isinstance(value, float) and not value.is_integer()):
        return f"{value:,.1f}"
    return f"{value:,.0f}" if isinstance(value, int | float) or hasattr(value, "as_tuple") else str(value)
