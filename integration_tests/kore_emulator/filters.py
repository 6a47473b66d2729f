"""Which rows the filters and scopes of a request leave, and which keys a reading knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .reading import Reading
from .refusal import invalid

Row = Mapping[str, Any]
Developers = Literal["with", "without", "only"]
_COLUMN_OF_FILTER = {
    "channel": "Channel Name",
    "featureName": "Feature Name ",
    "taskId": "task Id",
    "userIds": "User ID",
    "userId": "User ID",
    "channelUserIds": "Channel User ID",
    "channelUIds": "Channel User ID",
}
_OTHER_KEYS = frozenset({"dateFrom", "dateTo", "limit", "skip", "sort", "isDeveloper"})
_EVERY_THIRD = 3


@dataclass(frozen=True)
class Selection:
    """What a request asks of a row besides its time. Empty: every row."""

    columns: tuple[tuple[str, frozenset[str]], ...] = ()
    developers: Developers = "with"
    developer_rows: Literal["channel", "hidden"] = "channel"
    folds_case: bool = False

    @property
    def is_everything(self) -> bool:
        """Whether no row can fail it."""
        return not self.columns and self.developers == "with"

    def takes(self, row: Row, hidden: int) -> bool:
        """Whether it takes a row; `hidden` is the number that stands for what the row does not show."""
        if self.developers != "with":
            shown = row.get("Channel Name") == "developer"
            is_developers = shown if self.developer_rows == "channel" else hidden % _EVERY_THIRD == 0
            if is_developers != (self.developers == "only"):
                return False
        fold = _fold if self.folds_case else _as_it_is
        return all(fold(row.get(column)) in wanted for column, wanted in self.columns)


EVERYTHING = Selection()


def selection(body: Mapping[str, Any], reading: Reading) -> Selection:
    """What a body selects; raises the 412 of a key that the reading refuses."""
    known = _known_filters(reading)
    if reading.unknown_keys == "refuse":
        for name in body:
            if name not in known and name not in _OTHER_KEYS:
                raise invalid(reading, f'"{name}" is not allowed')
    if reading.channel_list == "refuse" and isinstance(body.get("channel"), list):
        raise invalid(reading, "channel must be a string")
    folds_case = reading.filter_case == "insensitive"
    fold = _fold if folds_case else _as_it_is
    columns = []
    for name in _COLUMN_OF_FILTER:
        wanted = body.get(name) or []
        values = [wanted] if isinstance(wanted, str) else wanted
        if name == "channel" and reading.channel_list == "first":
            values = values[:1]
        if values and name in known and name not in reading.filters_ignored:
            columns.append((_COLUMN_OF_FILTER[name], frozenset(fold(value) for value in values)))
    if reading.no_channel == "rtm" and not any(column == "Channel Name" for column, _ in columns):
        columns.append((_COLUMN_OF_FILTER["channel"], frozenset({"rtm"})))
    return Selection(tuple(columns), _developers(body, reading), reading.developer_rows, folds_case)


def _known_filters(reading: Reading) -> set[str]:
    known = {"channel", "featureName", "taskId"}
    for one, other, honoured in (
        ("userIds", "userId", reading.user_key),
        ("channelUserIds", "channelUIds", reading.channel_user_key),
    ):
        known |= {one, other} if honoured == "both" else {honoured}
    return known


def _developers(body: Mapping[str, Any], reading: Reading) -> Developers:
    asked = body.get("isDeveloper")
    if asked is None or "isDeveloper" in reading.filters_ignored:
        asked = reading.developer_absent == "true"
    if asked in (False, "false"):
        return "without"
    return "only" if reading.developer_true == "selects" else "with"


def _as_it_is(value: object) -> str:
    return str(value)


def _fold(value: object) -> str:
    return str(value).casefold()
