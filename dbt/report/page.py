"""One self-contained HTML page: what is here and how fresh, and a drawing for each question."""

from __future__ import annotations

from datetime import datetime, timezone
from html import escape
from pathlib import Path
from typing import Any

import charts
from marts import MOST, Answer
from plotly.offline import get_plotlyjs

SYNCS = 8
# As the source's freshness in models/sources.yml.
LATE, STALE = 24, 72
NOTHING = {"failures": "No call failed.", "guardrail_outcomes": "No guardrail scan is in the log."}


def write_page(path: Path, answers: dict[str, Answer]) -> None:
    """Write the page; it loads nothing from elsewhere."""
    bots, days = answers["kore_llm_completeness"], answers["kore_llm_usage_by_day"]
    if bots.rows:
        body = BODY.format(
            period=_period(bots),
            figures=_figures(days, bots),
            sections="\n".join((*_tables(answers), *(_section(*each) for each in _charts(answers)))),
        )
        plotly = f"<script>{get_plotlyjs()}</script>" if days.known("day").rows else ""
    else:
        body, plotly = "<p>The log is empty: no call has been synced yet. Sync the stream, then run dbt build.</p>", ""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PAGE.format(plotly=plotly, body=body), encoding="utf-8")


def _charts(answers: dict[str, Answer]) -> list[tuple[str, str, str, str]]:
    """Mart, title, drawing, and "wide" for one that takes the whole width."""
    by = {name.removeprefix("kore_llm_"): answer for name, answer in answers.items()}
    models, features, users = by["usage_by_model"], by["usage_by_feature"], by["usage_by_user"]
    # The newest periods of each budget: a budget of days leaves room for one of months.
    names = dict.fromkeys(by["budgets"].column("budget"))
    shown = [by["budgets"].of("budget", name).rows[-max(1, MOST // len(names)) :] for name in names]
    budgets = Answer(by["budgets"].columns, [row for rows in shown for row in rows])
    return [
        ("usage_by_day", "Tokens and failures by day", charts.tokens_and_failures(by["usage_by_day"]), "wide"),
        ("unusual_days", "Cost by day (purple: out of line)", charts.cost_by_day(by["unusual_days"]), "wide"),
        *([("budgets", "Budgets", charts.budgets(budgets), "wide")] if budgets.rows else []),
        ("failures", "Why calls fail", charts.failures(by["failures"]), "wide"),
        ("usage_by_model", "Cost by model", charts.cost("model", models.by("cost_usd").first(MOST)), ""),
        ("usage_by_feature", "Cost by feature", charts.cost("feature", features.by("cost_usd").first(MOST)), ""),
        ("usage_by_bot", "Cost by bot", charts.cost("bot_id", by["usage_by_bot"].by("cost_usd")), ""),
        ("usage_by_user", "Cost by user, of the heaviest", charts.cost("user_id", users.by("cost_usd")), ""),
        ("usage_by_model", "Tokens by model", charts.usage("model", models.first(MOST)), ""),
        ("usage_by_feature", "Tokens by feature", charts.usage("feature", features.first(MOST)), ""),
        ("usage_by_channel", "Tokens by channel", charts.usage("channel", by["usage_by_channel"].first(MOST)), ""),
        ("usage_by_user", "Heaviest users", charts.heaviest_users(users), ""),
        ("usage_by_model", "Time to answer by model", charts.latency(models.by("p95_ms").first(MOST)), ""),
        ("usage_by_prompt", "Most expensive prompts", charts.prompts(by["usage_by_prompt"]), ""),
        ("guardrail_outcomes", "Guardrails: passed and stopped", charts.guardrails(by["guardrail_outcomes"]), ""),
        ("growth_by_week", "Tokens by week (light: not whole) and a call", charts.growth(by["growth_by_week"]), "wide"),
    ]


def _section(mart: str, title: str, drawing: str, kind: str) -> str:
    drawn = drawing or f"<p>{NOTHING.get(mart, 'Nothing of this is in the log.')}</p>"
    return f'<section class="{kind}"><h2>{escape(title)}</h2>{drawn}<footer>kore_llm_{escape(mart)}</footer></section>'


def _period(bots: Answer) -> str:
    firsts = bots.known("first_call_at").column("first_call_at")
    lasts = bots.known("last_call_at").column("last_call_at")
    return f"{_moment(min(firsts))} to {_moment(max(lasts))}, UTC" if firsts else "No calls with a date"


def _figures(days: Answer, bots: Answer) -> str:
    calls, priced = days.total("calls"), days.total("priced_calls")
    arrivals = [
        arrival or call
        for arrival, call in zip(bots.column("last_arrival_at"), bots.column("last_call_at"), strict=True)
    ]
    age, verdict = _age(max(filter(None, arrivals), default=None))
    figures = [
        (age, f"since the last arrival: {verdict}" if verdict else "No arrival is dated", verdict),
        (f"{calls:,}", "calls", ""),
        (f"{days.total('total_tokens'):,}", f"tokens, counted in {days.total('calls_with_total_tokens'):,} calls", ""),
        (f"{100 * days.total('failures') / max(calls, 1):.1f} %", "of the calls failed", ""),
        (charts.usd(days.total("cost_usd")), f"for {priced:,} calls that have a price and tokens", ""),
        (
            f"{calls - priced:,}",
            f"calls without a cost, {bots.total('answers_without_cost'):,} of them answers; "
            f"{days.total('calls_priced_by_name'):,} priced by the log's name only",
            "",
        ),
    ]
    return "\n".join(f'<div class="{kind}"><b>{value}</b> {name}</div>' for value, name, kind in figures)


def _age(moment: str | None) -> tuple[str, str]:
    """How long ago, and what to think of it: fresh, late or stale."""
    if moment is None:
        return "-", ""
    then = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    hours = (datetime.now(timezone.utc) - then.replace(tzinfo=then.tzinfo or timezone.utc)).total_seconds() / 3600
    verdict = "fresh" if hours < LATE else "late" if hours < STALE else "stale"
    if hours < 1:
        return f"{max(hours * 60, 0):.0f} min", verdict
    return (f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"), verdict


def _tables(answers: dict[str, Answer]) -> list[str]:
    bots = answers["kore_llm_completeness"]
    ages = [_age(moment) for moment in bots.column("last_arrival_at")]
    columns = {
        "bot": [bot or "(none)" for bot in bots.column("bot_id")],
        "calls": bots.column("calls"),
        "last call": [_moment(value) for value in bots.column("last_call_at")],
        "last arrival": [f"{age} ago, {verdict}" if verdict else "-" for age, verdict in ages],
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
    return [
        _section("completeness", "What is here, and how fresh", _html_table(columns), "wide"),
        _section("syncs", "Rows by sync", _html_table(by_sync), "wide"),
    ]


def _html_table(columns: dict[str, list[Any]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    rows = (
        "".join(
            f'<td data-name="{escape(name)}">{escape(f"{cell:,}" if isinstance(cell, int) else str(cell))}</td>'
            for name, cell in zip(columns, row, strict=True)
        )
        for row in zip(*columns.values(), strict=True)
    )
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _moment(text: str | None, *, seconds: bool = False) -> str:
    return "-" if text is None else text.replace("T", " ")[: 19 if seconds else 16]


BODY = """<p>{period}. Under each drawing is the model of the dbt package behind it. Prices are public list prices,
or your own.</p>
<div class="figures">
{figures}
</div>
<div class="charts">
{sections}
</div>"""

# Plotly writes its colors into each element: only `!important` goes before them, and lets the page follow the reader's
# system.
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kore.ai LLM usage</title>
<style>
  :root {{ color-scheme: light dark; --text: #1a202c; --soft: #5a6778; --page: #f7fafc; --card: white;
         --line: #e2e8f0; }}
  @media (prefers-color-scheme: dark) {{
    :root {{ --text: #e2e8f0; --soft: #a0aec0; --page: #12161d; --card: #1a202c; --line: #364154; }}
  }}
  body {{ font-family: system-ui, sans-serif; color: var(--text); background: var(--page); margin: 2rem auto;
         max-width: 1280px; padding: 0 1rem; }}
  h1 {{ margin: 0; }}
  h2 {{ font-size: 1rem; margin: .25rem 0; }}
  .figures, .charts {{ display: grid; gap: 1rem; margin: 1rem 0;
         grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); }}
  .charts {{ grid-template-columns: repeat(2, minmax(0, 1fr)); }}
  .figures div, section {{ background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .75rem;
         min-width: 0; }}
  .figures b {{ display: block; font-size: 1.3rem; overflow-wrap: anywhere; }}
  .fresh b {{ color: #38a169; }} .late b {{ color: #d69e2e; }} .stale b {{ color: #e53e3e; }}
  .wide {{ grid-column: 1 / -1; }}
  table {{ border-collapse: collapse; font-size: .85rem; width: 100%; }}
  th, td {{ text-align: right; padding: .2rem .5rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }}
  th {{ color: var(--soft); font-weight: 500; }}
  th:first-child, td:first-child {{ text-align: left; }}
  ol {{ list-style: none; margin: .25rem 0; padding: 0; font-size: .85rem; }}
  li {{ margin: .5rem 0; overflow-wrap: anywhere; }}
  li b {{ font-weight: 500; }} li span, .legend {{ color: var(--soft); }}
  li div {{ display: flex; height: .6rem; margin-top: .15rem; background: var(--page); border-radius: 3px;
         overflow: hidden; }}
  .legend span {{ margin-right: 1rem; }}
  .legend i {{ display: inline-block; width: .7rem; height: .7rem; margin-right: .3rem; border-radius: 2px; }}
  footer, p {{ color: var(--soft); font-size: .8rem; margin: .25rem 0; }}
  .js-plotly-plot text {{ fill: var(--text) !important; }}
  .js-plotly-plot .gridlayer path, .js-plotly-plot .zerolinelayer path {{ stroke: var(--line) !important; }}
  .js-plotly-plot .hoverlayer path {{ fill: var(--card) !important; stroke: var(--line) !important; }}
  @media (max-width: 800px) {{ .charts {{ grid-template-columns: minmax(0, 1fr); }} }}
  @media (max-width: 600px) {{
    tr:first-child {{ display: none; }}
    tr {{ display: block; margin: .5rem 0; }}
    td, td:first-child {{ display: flex; justify-content: space-between; gap: 1rem; text-align: right; }}
    td::before {{ content: attr(data-name); color: var(--soft); }}
  }}
</style>
{plotly}
<h1>Kore.ai LLM usage</h1>
{body}
</html>
"""
