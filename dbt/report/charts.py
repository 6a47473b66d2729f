"""One drawing for each question: bars that lie are HTML, so that names and labels wrap on a phone; what goes along the
days or weeks is drawn by Plotly. Each is "" where there is nothing to draw."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from html import escape
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go
from marts import Answer
from plotly.subplots import make_subplots

BLUE, LIGHT_BLUE, PURPLE, RED, GREEN, GREY = "#3182ce", "#90cdf4", "#805ad5", "#e53e3e", "#38a169", "#a0aec0"
TICKS, DAY = 12, 18 * 3600 * 1000


def tokens_and_failures(answer: Answer) -> str:
    """Tokens of each day, and below the part of its calls that failed."""
    answer = answer.known("day")
    days = answer.column("day")
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.08)
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
    figure.update_yaxes(title_text="tokens", tickformat="~s", row=1, col=1)
    figure.update_yaxes(title_text="failed", ticksuffix=" %", rangemode="tozero", row=2, col=1)
    return _drawn(figure, days, height=420)


def cost_by_day(answer: Answer) -> str:
    """What each day cost, and the days that are out of line."""
    answer = answer.known("cost_usd")
    days = answer.column("day")
    unusual = [
        "more than usual" if costlier else "less than usual" if cheaper else ""
        for costlier, cheaper in zip(answer.column("is_costlier"), answer.column("is_cheaper"), strict=True)
    ]
    bars = go.Bar(
        x=days,
        y=answer.column("cost_usd"),
        marker_color=[PURPLE if word else GREEN for word in unusual],
        customdata=unusual,
        hovertemplate="%{x|%Y-%m-%d}: $%{y:,.2f} %{customdata}<extra></extra>",
    )
    figure = go.Figure(bars)
    figure.update_yaxes(tickprefix="$", tickformat=",.2~f", rangemode="tozero")
    return _drawn(figure, days, height=260)


def growth(answer: Answer) -> str:
    """Tokens week over week, and tokens a call."""
    weeks, whole = answer.column("week"), answer.column("is_whole_week")
    changes = [
        "(not a whole week)" if not is_whole else f"{change:+.1f} %" if change is not None else ""
        for is_whole, change in zip(whole, answer.column("tokens_change_percent"), strict=True)
    ]
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.6, 0.4], vertical_spacing=0.1)
    bars = go.Bar(
        x=weeks,
        y=answer.column("total_tokens"),
        marker_color=[BLUE if is_whole else LIGHT_BLUE for is_whole in whole],
        customdata=changes,
        hovertemplate="%{y:,} tokens %{customdata}<extra></extra>",
    )
    line = go.Scatter(
        x=weeks, y=answer.column("tokens_per_call"), mode="lines+markers", line={"color": PURPLE},
        hovertemplate="%{y:,.1f} tokens a call<extra></extra>",
    )  # fmt: skip
    figure.add_trace(bars, row=1, col=1)
    figure.add_trace(line, row=2, col=1)
    figure.update_layout(showlegend=False, hovermode="x unified")
    figure.update_yaxes(title_text="tokens", tickformat="~s", row=1, col=1)
    figure.update_yaxes(title_text="a call", tickformat="~s", rangemode="tozero", row=2, col=1)
    return _drawn(figure, weeks, height=360)


def _drawn(figure: go.Figure, days: Sequence[str], *, height: int) -> str:
    """Days are ticked as days, and weeks on their Mondays, however few or many there are."""
    if not days:
        return ""
    figure.update_xaxes(type="date", tickvals=days[:: -(-len(days) // TICKS)], tickformat="%b %-d")
    if len(days) < 4:
        # Plotly would make a single bar as wide as the page.
        ends = [date.fromisoformat(day[:10]) for day in (days[0], days[-1])]
        figure.update_xaxes(range=[ends[0] - timedelta(days=3), ends[1] + timedelta(days=3)])
        figure.update_traces(width=DAY, selector={"type": "bar"})
    # Plotly draws white lines round bars, which hide the thin ones of many days.
    figure.update_traces(marker_line_width=0, selector={"type": "bar"})
    figure.update_layout(
        height=height,
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom", "traceorder": "normal"},
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        font={"family": "system-ui, sans-serif", "size": 12},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        separators=".,",
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return str(
        figure.to_html(full_html=False, include_plotlyjs=False, config={"displayModeBar": False, "responsive": True})
    )


def usage(what: str, answer: Answer) -> str:
    """Tokens of each model, feature or channel: `what` names the column."""
    labels = [
        f"{_short(tokens)} tokens, {_percent(failed)} of {calls:,} failed"
        if tokens is not None
        else f"no tokens counted, {_percent(failed)} of {calls:,} failed"
        for tokens, calls, failed in zip(
            answer.column("total_tokens"), answer.column("calls"), answer.column("failed_percent"), strict=True
        )
    ]
    series = {f"{side} tokens": answer.column(f"{side}_tokens") for side in ("request", "response")}
    return _bars(answer.column(what), series, labels, [BLUE, LIGHT_BLUE])


def cost(what: str, answer: Answer) -> str:
    """What each model, feature, bot or user cost, or why that is not known."""
    costs = answer.column("cost_usd")
    labels = [
        usd(cost) if cost is not None else f"no price: {missing:,} calls" if missing == calls else "no tokens counted"
        for cost, missing, calls in zip(
            costs, answer.column("calls_without_price"), answer.column("calls"), strict=True
        )
    ]
    return _bars(answer.column(what), {"US dollars": costs}, labels, [GREEN])


def budgets(answer: Answer) -> str:
    """The newest days, weeks or months of the budgets: red where one was passed, purple where it is going to be."""
    names = [
        f"{budget}, {period} of {start}: {usd(amount)}"
        for budget, period, start, amount in zip(
            *map(answer.column, ("budget", "period", "period_start", "budget_usd")), strict=True
        )
    ]
    told = (
        "spent_usd",
        "used_percent",
        "is_passed",
        "passed_on",
        "costliest_model",
        "is_going_to_pass",
        "forecast_usd",
    )
    rows = list(zip(*map(answer.column, told), strict=True))
    labels = [
        "not known: no call has a cost"
        if spent is None
        else f"{usd(spent)}, {_percent(used)}"
        + (f", passed on {day}, most by {model}" if passed else "")
        + (f", {usd(forecast)} at this pace" if going and not passed else "")
        for spent, used, passed, day, model, going, forecast in rows
    ]
    colors = [RED if row[2] else PURPLE if row[5] else GREEN for row in rows]
    return _bars(names, {"spent": [min(row[1] or 0, 100) for row in rows]}, labels, [colors], most=100)


def latency(answer: Answer) -> str:
    """How long each model takes: half of the calls, then 95 and 99 of 100."""
    answer = answer.known("p50_ms")
    percentiles = [answer.column(f"p{percent}_ms") for percent in (50, 95, 99)]
    labels = ["{:,.0f}, {:,.0f}, {:,.0f} ms".format(*times) for times in zip(*percentiles, strict=True)]
    steps = [percentiles[0]] + [[high - low for low, high in zip(*pair, strict=True)] for pair in pairwise(percentiles)]
    series = dict(zip(("p50", "to p95", "to p99"), steps, strict=True))
    return _bars(answer.column("model"), series, labels, [LIGHT_BLUE, BLUE, PURPLE])


def failures(answer: Answer) -> str:
    """Why calls fail, and an id to look at."""
    names = [
        ", ".join(part for part in cause if part != "(none)") or "no reason given"
        for cause in zip(*map(answer.column, ("error_type", "provider", "finish_reason")), strict=True)
    ]
    labels = [
        f"{count:,} ({_percent(percent)}), for example {example}"
        for count, percent, example in zip(
            *map(answer.column, ("failures", "failures_percent", "newest_example_id")), strict=True
        )
    ]
    return _bars(names, {"failures": answer.column("failures")}, labels, [RED])


def guardrails(answer: Answer) -> str:
    """What each scanner let pass and stopped."""
    names = [
        f"{_for_people(name)}, {kind}"
        for name, kind in zip(answer.column("scanner"), answer.column("scanned"), strict=True)
    ]
    series = {outcome.replace("_", " "): answer.column(outcome) for outcome in ("passed", "stopped", "no_verdict")}
    labels = [
        f"{scans:,} scans, {_percent(percent)} stopped"
        for scans, percent in zip(answer.column("scans"), answer.column("stopped_percent"), strict=True)
    ]
    return _bars(names, series, labels, [LIGHT_BLUE, RED, GREY])


def heaviest_users(answer: Answer) -> str:
    """Who takes the most tokens."""
    labels = [
        f"{_short(tokens)} tokens, {_percent(percent)} of all"
        for tokens, percent in zip(answer.column("total_tokens"), answer.column("tokens_percent"), strict=True)
    ]
    return _bars(answer.column("user_id"), {"tokens": answer.column("total_tokens")}, labels, [BLUE])


def prompts(answer: Answer) -> str:
    """Which prompts cost the most."""
    answer = answer.known("cost_usd")
    names = [
        prompt if feature in prompt else f"{prompt}, {feature}"
        for prompt, feature in zip(answer.column("prompt"), answer.column("feature"), strict=True)
    ]
    labels = [
        f"{usd(cost)}, {usd(1000 * each)} for 1,000 calls"
        for cost, each in zip(answer.column("cost_usd"), answer.column("cost_per_call_usd"), strict=True)
    ]
    return _bars(names, {"US dollars": answer.column("cost_usd")}, labels, [GREEN])


def _bars(
    names: Sequence[Any],
    series: dict[str, list[Any]],
    labels: Sequence[str],
    colors: Sequence[str | list[str]],
    *,
    most: float | None = None,
) -> str:
    """Bars that lie, one line for its name and label and one for the bar; the parts of a bar beside each other."""
    columns = list(series.values())
    whole = (
        most or max((sum(float(part or 0) for part in parts) for parts in zip(*columns, strict=True)), default=0) or 1
    )
    lines = []
    for place, (name, label) in enumerate(zip(names, labels, strict=True)):
        parts = "".join(
            f'<i style="width:{100 * float(column[place] or 0) / whole:.2f}%;background:'
            f'{tint[place] if isinstance(tint, list) else tint}"></i>'
            for column, tint in zip(columns, colors, strict=True)
        )
        lines.append(f"<li><b>{escape(str(name or '(none)'))}</b> <span>{escape(label)}</span><div>{parts}</div></li>")
    keys = zip(series, colors, strict=True) if len(series) > 1 else ()
    legend = "".join(f'<span><i style="background:{tint}"></i>{escape(name)}</span>' for name, tint in keys)
    return f'<p class="legend">{legend}</p><ol>{"".join(lines)}</ol>' if lines else ""


def _for_people(scanner: str) -> str:
    """A scanner's name; where the log has an object or a list of them, their names."""
    try:
        told = json.loads(scanner)
    except ValueError:
        return scanner
    if isinstance(told, dict):
        told = [told["name"]] if "name" in told else list(told)
    if not isinstance(told, list):
        return scanner
    return ", ".join(str(each.get("name", each)) if isinstance(each, dict) else str(each) for each in told)


def _short(count: float | None) -> str:
    if count is None:
        return "no"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:,.0f}"


def usd(value: float) -> str:
    """Cents; of what is less than a cent, two figures."""
    return f"${value:,.2f}" if value >= 0.01 or value == 0 else f"${value:.2g}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} %"
