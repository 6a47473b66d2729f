"""One reading of the API: an answer to every question its page leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints

Fault = Literal[
    "412", "429", "500", "502", "503", "504", "413", "reset", "broken", "truncated", "slow", "html_200", "object_200"
]  # fmt: skip
BotRefusal = Literal["scope", "credentials", "token"]
Place = Literal["none", "front", "back", "middle"]
Beyond = Literal["refuse", "empty", "error"]
_MAY_BE_NEGATIVE = ("utc_offset_minutes", "server_offset_minutes", "fault_seed", "clock_ahead_seconds")


@dataclass(frozen=True)
class Reading:
    """How the server behaves. The defaults are the plainest reading: no caps, no limits, no faults.

    Raises ValueError for a misspelt or impossible option: a test that sets one would otherwise prove nothing.

    A row that has no date of any kind always matches. "Refuse" is a 412, "empty" a 200 with `[]`, "error" a 500.
    What is hidden of a row (its entry's time, its end, its lag) follows from its content, so it never changes.
    """

    # Which rows match
    filter_by: Literal["end", "start", "entry"] = "end"  # the date that is filtered; "entry": hidden, 0 to 120 s later
    no_end: Literal["start", "hidden_end"] = "start"  # where a row without "End Date" is filed: hidden, 0 to 120 s on
    from_inclusive: bool = True  # whether a row at `dateFrom` itself is given
    to_inclusive: bool = True  # whether a row at `dateTo` itself is given
    precision: Literal["ms", "s", "minute", "5min", "hour", "day"] = "ms"  # both bounds are cut down to this unit
    utc_offset_minutes: int = 0  # times (not plain dates) are cut in the zone so far east of Greenwich
    plain_date_to: Literal["midnight", "end_of_day"] = "midnight"  # the instant that a plain `dateTo` means
    server_offset_minutes: int = 0  # how far east of Greenwich the server's own zone lies
    server_zone_for: Literal["plain", "naive", "all"] = "naive"  # read in it: plain dates; and times without Z; and all
    retention_days: float | None = None  # rows that ended longer ago are gone
    lag_seconds: float = 0.0  # a row appears up to so long after its end

    # Which rows the filters and scopes leave
    developer_true: Literal["adds", "selects"] = "adds"  # `isDeveloper: true` adds developers' rows, or gives only them
    developer_absent: Literal["true", "false"] = "true"  # what a body without `isDeveloper` means
    developer_rows: Literal["channel", "hidden"] = "channel"  # the channel "developer", or a third that nothing shows
    no_channel: Literal["all", "rtm"] = "all"  # what a body without `channel` means
    channel_list: Literal["any", "first", "refuse"] = (
        "any"  # of a list of channels, only the first counts; or none is taken
    )
    filters_ignored: Sequence[str] = ()  # keys of filters that are taken and have no effect
    user_key: Literal["userIds", "userId", "both"] = "userIds"  # the spelling that is honoured
    channel_user_key: Literal["channelUserIds", "channelUIds", "both"] = "channelUserIds"  # the same
    unknown_keys: Literal["ignore", "refuse"] = "ignore"  # keys, and spellings, that the server does not know
    filter_case: Literal["sensitive", "insensitive"] = "sensitive"  # how values of filters are compared

    # In which order, and how many at once
    order: Literal["newest", "oldest", "time_taken", "arbitrary", "paged_ties", "unstable_ties", "unstable"] = "newest"
    most_rows: int | None = None  # a query finds no more than so many rows in all
    max_page: int | None = None  # a larger `limit` is cut to this without a word
    page_ceiling_refused: int | None = None  # a larger `limit` is refused
    page_ceiling_empty: int | None = None  # a larger `limit` is answered with `[]`
    skip_ceiling: int | None = None  # the largest `skip`
    reach_ceiling: int | None = None  # the largest `skip` + `limit`
    skip_ceiling_mode: Beyond = "refuse"  # what lies beyond either of these ceilings
    skip_held_at: int | None = None  # a larger `skip` is taken for this one; 0 ignores `skip`
    page_bytes: int | None = None  # a page ends before the row that would make it longer
    page_bytes_mode: Literal["at_least_one", "empty"] = "at_least_one"  # where the first row alone is longer than that
    response_bytes_limit: int | None = None  # a longer page is answered with 413
    envelope: Literal["array", "hits"] = "array"  # a bare array, or `{"hits": [...]}`

    # Which arguments are taken
    limit_type: Literal["any", "string", "integer"] = "any"
    date_form: Literal["any", "date", "timestamp", "naive", "zoned"] = "any"  # "timestamp": "naive" or "zoned"
    date_form_mode: Literal["refuse", "empty"] = "refuse"  # a date of another form
    future_date_to: Literal["accept", "refuse", "empty", "now"] = "accept"  # "now": it is taken for the present
    max_span_days: int | None = 90
    span_mode: Literal["refuse", "cut_start", "cut_end"] = "refuse"  # a longer span is refused, or cut without a word
    span_counting: Literal["duration", "calendar_days"] = "duration"
    hint_in_412: bool = True  # whether a 412 says which argument it does not take
    error_body: Literal["json", "text"] = "json"  # refusals in the envelope of Kore.ai's APIs, or as plain text

    # Who may ask
    hour_from: Literal["iat", "now"] = "now"  # what `exp` is at most an hour away from, in a token with a `jti`
    clock_ahead_seconds: float = 0.0  # of the server's clock, before the right time
    reject_reused_jti: bool = True
    refusals: Mapping[str, BotRefusal] = field(default_factory=lambda: MappingProxyType({}))  # bot -> 401

    # How often
    requests_per_minute: int | None = None
    requests_per_hour: int | None = None
    rate_window_scale: float = 1.0  # 0.01 makes a minute last 0.6 seconds
    rate_refusal: Literal["429", "429_retry_after", "text_400", "text_200"] = "429"
    rate_text: Literal["window", "general"] = "window"  # which of the two documented sentences

    # What goes wrong
    fault_rate: float = 0.0  # the share of requests that meet one of `faults`; 1 means that the bot is down
    faults: Sequence[Fault] = ("500", "502", "503", "504", "reset", "broken", "truncated")
    faults_script: Sequence[Fault | None] | None = None  # used up first, one entry a request
    fault_seed: int = 0  # of faults and latencies
    retry_after_seconds: int = 25  # what the fault "429" asks for
    slow_seconds: float = 2.0  # how long the fault "slow" takes
    latency_seconds: float = 0.0  # how long every answer takes
    latency_jitter_seconds: float = 0.0  # and up to how much longer, at random

    # What moves while a client pages: at each request with a `skip`, until so many rows moved in all
    insert_while_paging: Place = "none"  # the newest moment of the span that is read, its oldest, or amid its rows
    insert_rows: int = 0
    insert_per_request: int = 1
    delete_while_paging: Place = "none"
    delete_rows: int = 0
    delete_per_request: int = 1

    # What is different for one bot: bot -> {option: value}. Its faults and moving rows are then counted apart.
    by_bot: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(type(self)).items():
            _check(name, getattr(self, name), kind)
        for fault in (*self.faults, *(self.faults_script or ())):
            if fault is not None:
                _check("faults", fault, Fault)
        for refusal in self.refusals.values():
            _check("refusals", refusal, BotRefusal)
        for name in self.filters_ignored:
            _check("filters_ignored", name, FilterKey)
        for bot_id in self.by_bot:
            try:
                self.for_bot(bot_id)
            except (TypeError, ValueError) as error:
                raise ValueError(f"by_bot[{bot_id!r}]: {error}") from None

    def for_bot(self, bot_id: str) -> Reading:
        """The reading of one bot: its own options over the common ones."""
        own = self.by_bot.get(bot_id)
        if own is None:
            return self
        if "by_bot" in own:
            raise ValueError("by_bot cannot be nested")
        return replace(self, by_bot={}, **own)


FilterKey = Literal[
    "channel", "featureName", "taskId", "userIds", "userId", "channelUserIds", "channelUIds", "isDeveloper"
]  # fmt: skip


def _check(name: str, value: object, kind: Any) -> None:
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ValueError(f"{name}: {value!r} is none of {', '.join(get_args(kind))}")
        return
    kinds = get_args(kind) or (kind,)
    if value is None and type(None) in kinds:
        return
    if kind is bool:
        fits = isinstance(value, bool)
    elif int in kinds or float in kinds:
        whole = isinstance(value, int) and not isinstance(value, bool)
        fits = whole or (float in kinds and isinstance(value, float))
        fits = fits and (name in _MAY_BE_NEGATIVE or value >= 0)  # type: ignore[operator]
    elif get_origin(kind) is Mapping:
        fits = isinstance(value, Mapping)
    else:
        fits = isinstance(value, Sequence) and not isinstance(value, str)
    if not fits:
        raise ValueError(f"{name}: {value!r} is not possible")
