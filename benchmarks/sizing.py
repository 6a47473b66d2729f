"""How many requests syncs take, and how long the API's limits make them: `python -m benchmarks.sizing` prints a table.

Requests are counted: the reader reads an even log from the simulated Kore.ai of the tests, in its plainest behaviour.
Of a first sync, one piece is counted and multiplied. Limits are a bot's own, so the number of bots does not count until
the processor does: 60 requests a minute and 1,800 an hour, rolling. After the first half hour at full pace that is half
the pace.
"""

from integration_tests.kore_emulator.behaviour import HOUR, MINUTE, SECOND, Behaviour, LogRow, parse
from unit_tests.simulated.driver import play
from unit_tests.simulated.scenario import Scenario

PER_MINUTE, PER_HOUR = 60, 1800
FIRST_SYNC_DAYS = 90
HOURS_OF_AN_HOURLY_SYNC = 2.0
"""The new hour and the lookback."""
MOST_ROWS_COUNTED = 60_000
"""Of a first sync; the rest is like them."""
HOURS_AROUND = 3.0
"""That the log has besides, before and behind what is read."""
ROWS_A_DAY = {1000: (1_000, 10_000, 100_000, 1_000_000), 50: (1_000, 10_000, 100_000)}
"""By the rows that the server gives at once: what is asked for by default, and what a sibling API cuts it to [I]."""
NOW = (parse("2026-03-11T10:17:23.456Z") or (0,))[0]


def least_seconds(requests: int) -> float:
    """From the first request of a bot to the last of so many, by the limits alone."""
    full_hours, left = divmod(requests - 1, PER_HOUR)
    return full_hours * 3600.0 + left // PER_MINUTE * 60.0


def counted(rows_a_day: int, page: int, hours: float) -> int:
    """The requests of a sync that reads so many hours of a bot's log."""
    after, step = NOW - MINUTE, 24 * HOUR / rows_a_day
    ends = [int(after - number * step) for number in range(int((hours + HOURS_AROUND) * HOUR / step))]
    log = tuple(LogRow(str(number), end - SECOND, end) for number, end in enumerate(ends))
    does = Behaviour(largest_limit=page)
    played = play(Scenario(does, log, NOW, int(after - hours * HOUR), after))
    if played.error is not None:
        raise RuntimeError(f"{rows_a_day} rows a day, {page} at once: {played.error}")
    return len(played.server.requests)


def first_sync(rows_a_day: int, page: int) -> int:
    """The requests of a sync of `FIRST_SYNC_DAYS`, to about a tenth where they are not all counted."""
    hours = 24.0 * FIRST_SYNC_DAYS
    share = min(1.0, MOST_ROWS_COUNTED / (rows_a_day * FIRST_SYNC_DAYS))
    return round(counted(rows_a_day, page, share * hours) / share)


def spoken(seconds: float) -> str:
    """`14 min`, `4 h 29 min`, `4 days 3 h`."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "under a minute"
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} days {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def main() -> None:
    print(f"| Rows a day and bot | Rows the API gives at once | First sync of {FIRST_SYNC_DAYS} days | Hourly sync |")
    print("|---:|---:|---|---|")
    for page, densities in ROWS_A_DAY.items():
        for rows in densities:
            first, hourly = first_sync(rows, page), counted(rows, page, HOURS_OF_AN_HOURLY_SYNC)
            time = spoken(least_seconds(first))
            print(f"| {rows:,} | {page:,} | {first:,} requests, {time} | {hourly:,} requests |", flush=True)


if __name__ == "__main__":
    main()
