"""A quiet table of a real database, many rows of which have equal dates: each row once, or a sync that fails."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from integration_tests.destinations.servers import postgres_server
from integration_tests.in_process import UNLIMITED, sync
from integration_tests.real_engines import Postgres, served

BOT = "st-alpha"
START = datetime(2024, 3, 1, tzinfo=timezone.utc)
DAYS = 20


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with postgres_server() as port:
        yield port


def row(number: int, start: datetime) -> dict[str, Any]:
    start_date, end_date = (f"{when:%Y-%m-%dT%H:%M:%S}.000Z" for when in (start, start + timedelta(seconds=2)))
    return {"start Date": start_date, "End Date": end_date, "Description": f"row {number}", "Channel Name": "rtm"}


def rows(count: int, ties: int) -> list[dict[str, Any]]:
    """So many rows in all, spread over the days; `ties` of them start in one second of the tenth day."""
    apart = timedelta(days=DAYS) / (count - ties)
    spread = [row(number, START + number * apart) for number in range(count - ties)]
    burst = START + timedelta(days=DAYS / 2, minutes=7)
    return spread + [row(count - ties + number, burst) for number in range(ties)]


@pytest.mark.parametrize("order", ["second", "day"])
@pytest.mark.parametrize(("ties", "page_size"), [(300, 50), (800, 100), (3_000, 1_000)])
def test_no_row_of_a_postgresql_with_many_equal_dates_is_lost_in_silence(
    port: int, order: str, ties: int, page_size: int
) -> None:
    log = rows(ties + 1_700, ties)
    with served(Postgres(port, log), order) as host:
        config = {
            "host": host, "bot_ids": [BOT], "client_id": "cs-1", "client_secret": "s" * 64, "page_size": page_size,
            "start_date": f"{START:%Y-%m-%d}", "end_date": f"{START + timedelta(days=DAYS):%Y-%m-%d}", **UNLIMITED,
        }  # fmt: skip
        synced = sync(config)
    found = synced.rows(BOT)
    assert set(found.values()) <= {1}
    lost = {raw["Description"] for raw in log} - set(found)
    assert synced.failure is not None or not lost, f"{len(lost)} of {len(log)} rows lost in silence"
