"""One figure for each question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from marts import MOST, Answer
from plotly.subplots import make_subplots

BLUE, LIGHT_BLUE, DARK, RED, GREEN, GREY = "#2b6cb0", "#90cdf4", "#1a365d", "#e53e3e", "#2f855a", "#a0aec0"


def tokens_and_failures(answer: Answer) -> go.Figure:
    """Tokens of each day, and below the part of its calls that failed."""
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


def cost_by_day(answer: Answer) -> go.Figure:
    """What each day cost."""
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


def usage(what: str, answer: Answer) -> go.Figure:
    """Tokens of each model, feature or channel: `what` names the column."""
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


def cost_by_model(answer: Answer) -> go.Figure:
    """What each model cost, or why that is not known."""
    costs = answer.column("cost_usd")
    figure = _across([go.Bar(y=answer.column("model"), x=costs, marker_color=GREEN)])
    labels = [
        f"${cost:,.2f}"
        if cost is not None
        else f"no price: {missing:,} calls"
        if missing == calls
        else "no tokens counted"
        for cost, missing, calls in zip(
            costs, answer.column("calls_without_price"), answer.column("calls"), strict=True
        )
    ]
    _label(figure, answer.column("model"), costs, labels)
    figure.update_xaxes(title_text="US dollars", tickprefix="$", tickformat=",")
    return _finished(figure, bars=len(answer.rows))


def budgets(answer: Answer) -> go.Figure:
    """The newest days, weeks or months of the budgets, red where one was passed."""
    answer = Answer(answer.columns, answer.rows[-MOST:])
    names = [
        f"{budget}, {period} of {start}"
        for budget, period, start in zip(
            answer.column("budget"), answer.column("period"), answer.column("period_start"), strict=True
        )
    ]
    spent, budgets = answer.column("spent_usd"), answer.column("budget_usd")
    colors = [RED if passed else GREEN for passed in answer.column("is_passed")]
    figure = _across([go.Bar(y=names, x=spent, marker_color=colors)])
    lines = go.Scatter(
        x=budgets, y=names, mode="markers", hovertemplate="budget: $%{x:,.2f}<extra></extra>",
        marker={"symbol": "line-ns", "size": 18, "line": {"width": 3, "color": DARK}},
    )  # fmt: skip
    figure.add_trace(lines)
    labels = [
        f"{_percent(used)}, passed on {day}, most by {model}" if passed else _percent(used)
        for used, passed, day, model in zip(
            answer.column("used_percent"), answer.column("is_passed"), answer.column("passed_on"),
            answer.column("costliest_model"), strict=True,
        )
    ]  # fmt: skip
    _label(figure, names, [max(pair) for pair in zip([value or 0 for value in spent], budgets, strict=True)], labels)
    figure.update_xaxes(title_text="US dollars spent; the line is the budget", tickprefix="$", tickformat=",")
    figure.update_layout(showlegend=False)
    return _finished(figure, bars=len(answer.rows))


def latency(answer: Answer) -> go.Figure:
    """How long each model takes."""
    figure = _across([
        go.Bar(name=name, y=answer.column("model"), x=answer.column(f"{name}_ms"), marker_color=color)
        for name, color in (("p50", LIGHT_BLUE), ("p95", BLUE), ("p99", DARK))
    ])  # fmt: skip
    figure.update_layout(barmode="group", bargap=0.25)
    figure.update_xaxes(title_text="milliseconds", tickformat=",")
    return _finished(figure, bars=len(answer.rows), each=40)


def guardrails(answer: Answer) -> go.Figure:
    """What each scanner let pass and stopped."""
    names = [f"{name}, {kind}" for name, kind in zip(answer.column("scanner"), answer.column("scanned"), strict=True)]
    figure = _across([
        go.Bar(name=outcome.replace("_", " "), y=names, x=answer.column(outcome), marker_color=color)
        for outcome, color in (("passed", LIGHT_BLUE), ("stopped", RED), ("no_verdict", GREY))
    ])  # fmt: skip
    labels = [f"{_percent(percent)} stopped" for percent in answer.column("stopped_percent")]
    _label(figure, names, answer.column("scans"), labels)
    figure.update_xaxes(title_text="scans", tickformat=",")
    return _finished(figure, bars=len(answer.rows))


def heaviest_users(answer: Answer) -> go.Figure:
    """Who takes the most tokens."""
    answer = answer.first(MOST)
    names = [_shortened(str(user or "(none)")) for user in answer.column("user_id")]
    figure = _across([go.Bar(y=names, x=answer.column("total_tokens"), marker_color=BLUE)])
    labels = [f"{_percent(percent)} of all" for percent in answer.column("tokens_percent")]
    _label(figure, names, answer.column("total_tokens"), labels)
    figure.update_xaxes(title_text="tokens", tickformat="~s")
    return _finished(figure, bars=len(answer.rows))


def prompts(answer: Answer) -> go.Figure:
    """Which prompts cost the most."""
    answer = answer.known("cost_usd").first(MOST)
    names = [
        prompt if feature in prompt else f"{prompt}, {feature}"
        for prompt, feature in zip(answer.column("prompt"), answer.column("feature"), strict=True)
    ]
    figure = _across([go.Bar(y=names, x=answer.column("cost_usd"), marker_color=GREEN)])
    labels = [f"${1000 * each:,.2f} for 1,000 calls" for each in answer.column("cost_per_call_usd")]
    _label(figure, names, answer.column("cost_usd"), labels)
    figure.update_xaxes(title_text="US dollars", tickprefix="$", tickformat=",")
    return _finished(figure, bars=len(answer.rows))


def growth(answer: Answer) -> go.Figure:
    """Tokens week over week, and tokens a call."""
    weeks, whole = answer.column("week"), answer.column("is_whole_week")
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
