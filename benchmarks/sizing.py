"""How long syncs take where the API's limits are the wall clock: `python -m benchmarks.sizing` prints the docs' table.

A bot may be asked 60 times a minute and 1,800 times an hour, rolling: after the first half hour at full pace, half the
pace. The limits are each bot's own, so the number of bots does not count until the CPU does.

Requests are those of parts with proved bounds, for a log as dense at night as by day. Counted beside
the emulator they are within a tenth; of very few, within four.
"""

from math import ceil

from source_kore_llm_logs.reading.calibration import FIVE_MINUTES
from source_kore_llm_logs.reading.reader import MOST_ROWS, PAGES
from source_kore_llm_logs.reading.span import CALL, HOUR

PER_MINUTE, PER_HOUR = 60, 1800
LOOKBACK_HOURS = 1.0
PADDING_HOURS = 2 * (FIVE_MINUTES + CALL) / HOUR
"""Of a part, at both ends together."""
REQUESTS_OF_A_SYNC, REQUESTS_OF_A_PART = 10, 3
"""Besides the pages: to ask what the server does; and whether a part is too long, and what is behind its last row."""
FIRST_SYNC_DAYS = 90
ROWS_A_DAY = {1000: (1_000, 10_000, 100_000, 1_000_000), 50: (1_000, 10_000, 100_000)}
"""By the rows that the server gives at once: what is asked for by default, and what a sibling API cuts it to [I]."""


def least_seconds(requests: int) -> float:
    """From the first request of a bot to the last of so many, by the limits alone."""
    full_hours, left = divmod(requests - 1, PER_HOUR)
    return full_hours * 3600.0 + left // PER_MINUTE * 60.0


def requests(rows_a_day: int, page: int, hours: float) -> int:
    """Of a sync that reads so many hours of a bot's log. A page begins with the last row of the page before."""
    rows_an_hour, new_rows = rows_a_day / 24, page - 1
    parts = max(1, ceil(rows_an_hour * hours / min(MOST_ROWS, PAGES * new_rows)))
    pages = ceil(rows_an_hour * (hours + parts * PADDING_HOURS) / new_rows)
    return pages + REQUESTS_OF_A_SYNC + REQUESTS_OF_A_PART * parts


def sync_requests(rows_a_day: int, page: int, every_hours: float = 1.0) -> int:
    """Of a sync that reads what is new, and the lookback."""
    return requests(rows_a_day, page, every_hours + LOOKBACK_HOURS)


def shortest_interval_hours(rows_a_day: int, page: int) -> int | None:
    """Whole hours between syncs that keep up with a bot; None if none does."""
    return next((h for h in range(1, 49) if sync_requests(rows_a_day, page, h) <= PER_HOUR * h), None)


def spoken(seconds: float) -> str:
    """`14 min`, `4 h 29 min`, `4 days 3 h`."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "under a minute"
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} days {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def table() -> str:
    lines = [
        f"| Rows a day and bot | Rows the API gives at once | First sync of {FIRST_SYNC_DAYS} days | Hourly sync |",
        "|---:|---:|---|---|",
    ]
    for page, densities in ROWS_A_DAY.items():
        for rows in densities:
            first, hourly = requests(rows, page, 24 * FIRST_SYNC_DAYS), sync_requests(rows, page)
            interval = shortest_interval_hours(rows, page)
            pace = f"{hourly:,} requests"
            if interval is None:
                pace = "no interval keeps up"
            elif interval > 1:
                pace = f"not possible; every {interval} hours"
            lines.append(f"| {rows:,} | {page:,} | {first:,} requests, {spoken(least_seconds(first))} | {pace} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
