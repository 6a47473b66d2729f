"""A log of plain rows, and what the plainest server answers: dates to the millisecond, by the end, newest first."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

Row = dict[str, Any]


def rows_until(end: datetime, count: int, step: timedelta, payload: int = 0) -> list[Row]:
    """The newest first, so many, one a `step`; each with so many bytes of a prompt."""
    return [row_at(end - number * step, f"row {number}", payload) for number in range(count)]


def row_at(end: datetime, description: str, payload: int = 0) -> Row:
    row: Row = {
        "Description": description,
        "Start Date": _written(end - timedelta(seconds=1)),
        "End Date": _written(end),
        "Channel Name": "msteams",
    }
    if payload:
        row["Payload Details"] = {"Request Payload": {"model": "gpt-4", "prompt": "x" * payload}}
    return row


def _written(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def page_of(rows: Sequence[Row], body: Mapping[str, Any], most: int = 1000) -> list[Row]:
    """The answer to the body of a request: of the rows in its span, `limit` behind `skip`, and no more than `most`."""
    if body.get("channel"):
        rows = [row for row in rows if row["Channel Name"] in body["channel"]]
    spanned = [row for row in rows if body["dateFrom"] <= row["End Date"] <= body["dateTo"]]
    skip, limit = int(body["skip"]), min(int(body["limit"]), most)
    return sorted(spanned, key=lambda row: str(row["End Date"]), reverse=True)[skip : skip + limit]
