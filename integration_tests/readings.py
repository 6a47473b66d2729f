"""Each reading of the API that the connector must live through, and how its sync of that bot must end.

| outcome | what a sync must do |
|---|---|
| `READ` | emit each row once, and end well |
| `MAY_FAIL` | the same, or fail, name the bot, and leave the cursor before the first missing row |
| `MUST_FAIL` | fail, name the bot, and leave the cursor before the first missing row: what it says cannot be read |

Whatever one bot's server does, every other bot must be `READ`. Outside the promise, and so not here: pages capped by
bytes that are empty where the next row alone exceeds the cap (`page_bytes_mode`), and only timestamps without zone
taken for dates (`date_form` "naive" with "empty"), which contradicts the documented form.
"""

from typing import Any

Options = dict[str, Any]

BOUNDS: dict[str, list[Options]] = {
    "filed under another time": [
        {"filter_by": "start"},
        {"filter_by": "entry"},
        {"no_end": "hidden_end"},
        {"filter_by": "entry", "no_end": "hidden_end"},
    ],
    "bounds excluded": [
        {"from_inclusive": False},
        {"to_inclusive": False},
        {"from_inclusive": False, "to_inclusive": False},
    ],
    "bounds cut": [{"precision": unit} for unit in ("s", "minute", "5min", "hour", "day")]
    + [{"precision": unit, "utc_offset_minutes": zone} for unit, zone in (("hour", 330), ("day", 330), ("day", -720))]
    + [{"precision": "day", "utc_offset_minutes": 840, "from_inclusive": False, "to_inclusive": False}],
    "the server's own zone": [
        {"server_offset_minutes": zone, "server_zone_for": of} for zone in (330, -420) for of in ("naive", "all")
    ],
}
"""Which rows match a span. Each group holds alternatives of one question."""

FORMS: dict[str, list[Options]] = {
    "form of dates": [
        {"date_form": "date"},
        {"date_form": "date", "plain_date_to": "end_of_day", "hint_in_412": False},
        {"date_form": "date", "date_form_mode": "empty"},
        {"date_form": "date", "server_offset_minutes": 330},
        {"date_form": "date", "server_offset_minutes": -420},
        {"date_form": "timestamp"},
        {"date_form": "timestamp", "date_form_mode": "empty"},
        {"date_form": "zoned", "date_form_mode": "empty"},
    ],
    "type of numbers": [{"limit_type": "string"}, {"limit_type": "integer"}],
    "future": [
        {"future_date_to": "refuse"},
        {"future_date_to": "empty"},
        {"future_date_to": "now", "precision": "hour"},
        {"future_date_to": "now", "precision": "day", "to_inclusive": False},
    ],
    "span": [
        {"span_counting": "calendar_days"},
        {"span_mode": "cut_start"},
        {"span_mode": "cut_end", "span_counting": "calendar_days"},
    ],
}
"""Which arguments are taken."""

PAGES: dict[str, list[Options]] = {
    "order": [{"order": order} for order in ("oldest", "time_taken", "arbitrary", "paged_ties", "unstable_ties")],
    "largest page": [
        {"max_page": 50},
        {"max_page": 20},
        {"page_ceiling_refused": 50},
        {"page_ceiling_refused": 50, "hint_in_412": False},
        {"page_ceiling_refused": 60, "error_body": "text"},
        {"page_ceiling_empty": 50},
        {"page_ceiling_refused": 5000},
        {"page_bytes": 4_000},
        {"response_bytes_limit": 6_000},
    ],
    "scopes": [
        {"developer_true": "selects"},
        {"developer_true": "selects", "developer_rows": "hidden"},
        {"developer_absent": "false"},
        {"no_channel": "rtm"},
        {"no_channel": "rtm", "channel_list": "first"},
        {"no_channel": "rtm", "channel_list": "refuse"},
        {"no_channel": "rtm", "developer_true": "selects", "developer_rows": "hidden"},
        {"filters_ignored": ("isDeveloper",)},
    ],
    "latency": [{"latency_jitter_seconds": 0.02}, {"latency_seconds": 0.02}],
}
"""In which pages the rows of a span come, and which of them unasked."""

CEILINGS: dict[str, list[Options]] = {
    "ceiling": [
        {name: ceiling, "skip_ceiling_mode": mode}
        for name, ceiling in (("skip_ceiling", 120), ("reach_ceiling", 170))
        for mode in ("refuse", "empty")
    ],
}
"""How deep a span can be read; what lies deeper must be asked for in shorter ones."""

MOVING: dict[str, list[Options]] = {
    "inserted": [
        {"insert_while_paging": place, "insert_rows": 6, "insert_per_request": several}
        for place in ("front", "back", "middle")
        for several in (1, 3)
    ],
    "deleted": [{"delete_while_paging": place, "delete_rows": 4} for place in ("front", "back", "middle")],
}
"""What moves while a client pages."""

BROKEN: dict[str, list[Options]] = {
    "faults": [
        {"fault_rate": 0.1, "fault_seed": 3},
        {"faults_script": ("429",) * 6 + ("503",), "retry_after_seconds": 1},
    ],
}
"""What passes when it is asked again."""

READ = [options for groups in (BOUNDS, FORMS, PAGES, CEILINGS, MOVING, BROKEN) for group in groups.values()
        for options in group]  # fmt: skip

MAY_FAIL: list[Options] = [
    {"skip_ceiling": 120, "skip_ceiling_mode": "error"},  # A 500 looks like a bot that is down.
    {"reach_ceiling": 170, "skip_ceiling_mode": "error"},
    {"order": "unstable"},  # Ends when two passes agree, or never.
    {"skip_held_at": 120},  # Shorter spans help, if it is noticed.
    {"date_form": "naive"},  # Seen in a client, and documented nowhere.
    {"envelope": "hits"},  # Tolerated by a client, and never seen.
]

MUST_FAIL: list[Options] = [
    {"skip_held_at": 0},
    {"skip_held_at": 0, "order": "arbitrary"},
    {"faults": ("412",), "fault_rate": 1.0},
    {"faults": ("500",), "fault_rate": 1.0},
]


def named(options: Options) -> str:
    """A reading's options as the id of a test."""
    return " ".join(
        f"{name}={'+'.join(map(str, value)) if isinstance(value, tuple) else value}" for name, value in options.items()
    )
