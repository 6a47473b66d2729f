"""One self-contained HTML page: what is here and how fresh, and a chart for each question."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import charts
import plotly.graph_objects as go
from marts import Answer
from plotly.offline import get_plotlyjs

SYNCS = 8


def write_page(path: Path, answers: dict[str, Answer]) -> None:
    """Write the charts; the page loads nothing from elsewhere."""
    page = PAGE.format(
        plotly=get_plotlyjs(),
        period=_period(answers["kore_llm_completeness"]),
        figures=_figures(answers),
        freshness=_freshness(answers),
        charts="\n".join(_section(*chart) for chart in _charts(answers)),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _charts(answers: dict[str, Answer]) -> list[tuple[str, str, go.Figure, str]]:
    """Mart, title, figure, and "wide" for one that takes the whole width."""
    days, models, budgets = (answers[f"kore_llm_{name}"] for name in ("usage_by_day", "usage_by_model", "budgets"))
    features, channels = answers["kore_llm_usage_by_feature"], answers["kore_llm_usage_by_channel"]
    costs, latencies = charts.cost_by_model(models.by("cost_usd")), charts.latency(models.by("p95_ms"))
    scans, users = charts.guardrails(answers["kore_llm_guardrail_outcomes"]), answers["kore_llm_usage_by_user"]
    prompts, weeks = (
        charts.prompts(answers["kore_llm_usage_by_prompt"]),
        charts.growth(answers["kore_llm_growth_by_week"]),
    )
    passed = [("kore_llm_budgets", "Budgets", charts.budgets(budgets), "wide")] if budgets.rows else []
    return [
        ("kore_llm_usage_by_day", "Tokens and failures by day", charts.tokens_and_failures(days), "wide"),
        ("kore_llm_usage_by_day", "Cost by day", charts.cost_by_day(days), "wide"),
        *passed,
        ("kore_llm_usage_by_model", "Tokens by model", charts.usage("model", models), ""),
        ("kore_llm_usage_by_model", "Cost by model", costs, ""),
        ("kore_llm_usage_by_feature", "Tokens by feature", charts.usage("feature", features), ""),
        ("kore_llm_usage_by_channel", "Tokens by channel", charts.usage("channel", channels), ""),
        ("kore_llm_usage_by_model", "Time to answer by model", latencies, ""),
        ("kore_llm_guardrail_outcomes", "Guardrails: passed and stopped", scans, ""),
        ("kore_llm_usage_by_user", "Heaviest users", charts.heaviest_users(users), ""),
        ("kore_llm_usage_by_prompt", "Most expensive prompts", prompts, ""),
        ("kore_llm_growth_by_week", "Tokens by week and per call", weeks, "wide"),
    ]


def _section(mart: str, title: str, figure: go.Figure, kind: str) -> str:
    drawn = figure.to_html(
        full_html=False, include_plotlyjs=False, config={"displayModeBar": False, "responsive": True}
    )
    return f'<section class="{kind}"><h2>{escape(title)}</h2>{drawn}<footer>{escape(mart)}</footer></section>'


def _period(completeness: Answer) -> str:
    firsts = completeness.known("first_call_at").column("first_call_at")
    lasts = completeness.known("last_call_at").column("last_call_at")
    return f"{_moment(min(firsts))} to {_moment(max(lasts))}, UTC" if firsts else "No calls with a date"


def _figures(answers: dict[str, Answer]) -> str:
    days, completeness = answers["kore_llm_usage_by_day"], answers["kore_llm_completeness"]
    calls, priced = days.total("calls"), days.total("priced_calls")
    unpriced = completeness.total("answers_without_cost")
    figures = [
        (f"{calls:,}", "calls"),
        (f"{days.total('total_tokens'):,}", f"tokens, counted in {days.total('calls_with_total_tokens'):,} calls"),
        (f"{100 * days.total('failures') / max(calls, 1):.1f} %", "of the calls failed"),
        (f"${days.total('cost_usd'):,.2f}", f"for {priced:,} calls that have a price and tokens"),
        (
            f"{calls - priced:,}",
            f"calls without a cost, {unpriced:,} of them answers",
        ),
    ]
    return "\n".join(f"<div><b>{value}</b> {name}</div>" for value, name in figures)


def _freshness(answers: dict[str, Answer]) -> str:
    bots = answers["kore_llm_completeness"]
    columns = {
        "bot": bots.column("bot_id"),
        "calls": bots.column("calls"),
        "last call": [_moment(value) for value in bots.column("last_call_at")],
        "last arrival": [_moment(value) for value in bots.column("last_arrival_at")],
        "days with calls": [
            f"{some:,} of {spanned or 0:,}"
            for some, spanned in zip(bots.column("days_with_calls"), bots.column("days_spanned"), strict=True)
        ],
        "without price": bots.column("calls_without_price"),
        "without tokens": bots.column("calls_without_tokens"),
        "without date": bots.column("calls_without_date"),
    }
    syncs = answers["kore_llm_syncs"].first(SYNCS)
    by_sync = {
        "sync": syncs.column("sync"),
        "arrived": [_moment(value, seconds=True) for value in syncs.column("first_arrival_at")],
        "rows": syncs.column("calls"),
        "bots": syncs.column("bots"),
        "calls from": [_moment(value) for value in syncs.column("first_call_at")],
        "to": [_moment(value) for value in syncs.column("last_call_at")],
    }
    return "\n".join(
        f'<section class="wide"><h2>{title}</h2>{_html_table(table)}<footer>{mart}</footer></section>'
        for mart, title, table in (
            ("kore_llm_completeness", "What is here, and how fresh", columns),
            ("kore_llm_syncs", "Rows by sync", by_sync),
        )
    )


def _html_table(columns: dict[str, list[Any]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    rows = (
        "".join(f"<td>{escape(f'{cell:,}' if isinstance(cell, int) else str(cell))}</td>" for cell in row)
        for row in zip(*columns.values(), strict=True)
    )
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _moment(text: str | None, *, seconds: bool = False) -> str:
    return "-" if text is None else text.replace("T", " ")[: 19 if seconds else 16]


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
  .figures, .charts {{ display: grid; gap: 1rem; grid-template-columns: repeat(5, 1fr); margin: 1rem 0; }}
  .charts {{ grid-template-columns: repeat(2, minmax(0, 1fr)); }}
  .figures div, section {{ background: white; border: 1px solid #e2e8f0; border-radius: 8px; padding: .75rem;
         min-width: 0; overflow: hidden; }}
  .figures b {{ display: block; font-size: 1.5rem; }}
  .wide {{ grid-column: 1 / -1; }}
  table {{ border-collapse: collapse; font-size: .85rem; margin: .25rem .5rem; width: calc(100% - 1rem); }}
  th, td {{ text-align: right; padding: .2rem .5rem; border-bottom: 1px solid #edf2f7; white-space: nowrap; }}
  th {{ color: #718096; font-weight: 500; }}
  th:first-child, td:first-child {{ text-align: left; }}
  section {{ overflow-x: auto; }}
  footer, p {{ color: #718096; font-size: .8rem; margin: .25rem .5rem; }}
  @media (max-width: 800px) {{ .figures, .charts {{ grid-template-columns: minmax(0, 1fr); }} }}
</style>
<script>{plotly}</script>
<h1>Kore.ai LLM usage</h1>
<p>{period}. Under each chart is the model of the dbt package behind it. Prices are public list prices, or your own.</p>
<div class="figures">
{figures}
</div>
<div class="charts">
{freshness}
{charts}
</div>
</html>
"""
