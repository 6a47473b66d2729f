"""One reading of the API: an answer to every question its page leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints

Fault = Literal[
    "500", "502", "503", "504", "413", "reset", "broken", "truncated", "slow", "html_200", "object_200"
]  # fmt: skip
BotRefusal = Literal["scope", "credentials", "token"]


@dataclass(frozen=True)
class Reading:
    """How the server behaves. The defaults are the plainest reading: no caps, no limits, no faults.

    `filter_by` falls back to the other date when a row lacks the one it names; a row with neither always
    matches. `plain_date_to` says which instant a `dateTo` without a time of day means. Times (not plain dates) are cut
    to the day of a place `utc_offset_minutes` east of Greenwich. A `rate_window_scale`
    of 0.01 makes a minute last 0.6 seconds. `faults_script` is used up, one entry a request, before
    `fault_rate` draws from `faults`.
    """

    # Which rows match
    filter_by: Literal["end", "start"] = "end"
    from_inclusive: bool = True
    to_inclusive: bool = True
    precision: Literal["ms", "s", "day"] = "ms"
    plain_date_to: Literal["midnight", "end_of_day"] = "midnight"
    utc_offset_minutes: int = 0

    # In which order, and how many at once
    order: Literal["newest", "oldest", "time_taken", "arbitrary", "unstable_ties"] = "newest"
    max_page: int | None = None
    page_ceiling_refused: int | None = None
    skip_ceiling: int | None = None
    skip_ceiling_mode: Literal["refuse", "empty", "error"] = "refuse"
    response_bytes_limit: int | None = None

    # Which arguments are taken
    limit_type: Literal["any", "string", "integer"] = "any"
    date_form: Literal["any", "date", "timestamp"] = "any"
    future_date_to: Literal["accept", "refuse"] = "accept"
    max_span_days: int | None = 90
    span_counting: Literal["duration", "calendar_days"] = "duration"
    hint_in_412: bool = True

    # Who may ask
    hour_from: Literal["iat", "now"] = "now"  # what `exp` is at most an hour away from, in a token with a `jti`
    clock_ahead_seconds: float = 0.0  # of the server's clock, before the right time
    reject_reused_jti: bool = True
    refusals: Mapping[str, BotRefusal] = field(default_factory=lambda: MappingProxyType({}))

    # How often
    requests_per_minute: int | None = None
    requests_per_hour: int | None = None
    rate_window_scale: float = 1.0
    rate_refusal: Literal["429", "429_retry_after", "text_400", "text_200"] = "429"

    # What goes wrong
    fault_rate: float = 0.0
    faults: Sequence[Fault] = ("500", "502", "503", "504", "reset", "broken", "truncated")
    faults_script: Sequence[Fault | None] | None = None
    fault_seed: int = 0
    slow_seconds: float = 2.0
    latency_seconds: float = 0.0

    # What moves while a client pages
    insert_while_paging: Literal["none", "front", "back", "middle"] = "none"
    insert_rows: int = 0

    def __post_init__(self) -> None:
        """Refuse a misspelt option: a test that sets one would otherwise prove nothing."""
        for name, kind in get_type_hints(type(self)).items():
            if get_origin(kind) is Literal:
                _expect(name, getattr(self, name), kind)
        for fault in (*self.faults, *(self.faults_script or ())):
            if fault is not None:
                _expect("faults", fault, Fault)
        for refusal in self.refusals.values():
            _expect("refusals", refusal, BotRefusal)


def _expect(name: str, value: object, kind: Any) -> None:
    if value not in get_args(kind):
        raise ValueError(f"{name}: {value!r} is none of {', '.join(get_args(kind))}")
