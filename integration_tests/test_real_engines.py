"""A quiet table of a real database, many rows of which have equal dates: each row once."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from integration_tests.destinations.servers import postgres_server
from integration_tests.in_process import sync
from integration_tests.kore_emulator.behaviour import Behaviour, iso
from integration_tests.kore_emulator.log_rows import logged
from integration_tests.kore_emulator.simulation import Log, answer
from integration_tests.real_engines import DuckDB, Postgres, Table, query, served

BOT = "st-alpha"
START = datetime(2024, 3, 1, tzinfo=timezone.utc)
DAYS = 20
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with postgres_server() as port:
        yield port


def row(number: int, start: datetime) -> dict[str, Any]:
    taken = 500 + 7919 * number % 4_000
    begun = int(start.timestamp() * 1000)
    dates = {"start Date": iso(begun), "End Date": iso(begun + taken)}
    return {**dates, "Time Taken": taken, "Description": f"row {number}", "Channel Name": "rtm"}


def rows(count: int, ties: int) -> list[dict[str, Any]]:
    """So many rows in all, spread over the days; `ties` of them start in one second of the tenth day."""
    apart = timedelta(days=DAYS) // (count - ties) // SECOND * SECOND
    spread = [row(number, START + number * apart) for number in range(count - ties)]
    burst = START + timedelta(days=DAYS / 2, minutes=7)
    return spread + [row(count - ties + number, burst) for number in range(ties)]


def read_whole(table: Table, order: str, heeds_sort: bool, log: list[dict[str, Any]], page_size: int) -> None:
    """A sync of the table gives each row once, and ends well. Where the one documented `sort` is not heeded, the order
    among equal dates may never show some rows, whatever page is asked for: then it may fail, and says so."""
    end = f"{START + timedelta(days=DAYS):%Y-%m-%d}"
    with served(table, order, heeds_sort) as server:
        synced = sync(server.config(start_date=f"{START:%Y-%m-%d}", end_date=end, page_size=page_size))
    found = synced.rows(BOT)
    assert set(found.values()) <= {1}
    lost = {raw["Description"] for raw in log} - set(found)
    assert not lost or (synced.errors and not heeds_sort), f"{len(lost)} rows lost; {synced.told or 'in silence'}"
    assert not heeds_sort or synced.errors == []


@pytest.mark.parametrize(
    ("order", "ties", "page_size", "heeds_sort"),
    [
        ("second", 300, 50, True),
        ("second", 60, 50, False),
        ("day", 300, 100, True),
        ("day", 3_000, 1_000, True),
    ],
)
def test_postgresql_with_many_equal_dates_is_read_whole(
    port: int, order: str, ties: int, page_size: int, heeds_sort: bool
) -> None:
    log = rows(ties + (700 if heeds_sort else 100), ties)
    with closing(Postgres(port, log)) as table:
        read_whole(table, order, heeds_sort, log, page_size)


@pytest.mark.parametrize(("order", "ties", "heeds_sort"), [("second", 110, False), ("day", 300, True)])
def test_duckdb_with_many_equal_dates_is_read_whole(order: str, ties: int, heeds_sort: bool) -> None:
    log = rows(ties + (700 if heeds_sort else 100), ties)
    read_whole(DuckDB(log), order, heeds_sort, log, 100)


@pytest.mark.parametrize("order", ["second", "day"])
def test_the_simulation_gives_equal_dates_in_the_order_of_postgresql(port: int, order: Any) -> None:
    log = rows(2_000, 300)
    simulated = Log(map(logged, log))
    does = Behaviour(order=order, descending=True, ties="heap")
    span = {"dateFrom": f"{START:%Y-%m-%dT%H:%M:%S}.000Z", "dateTo": f"{START + timedelta(days=DAYS):%Y-%m-%d}"}
    with closing(Postgres(port, log)) as table:
        for limit in (1, 2, 50, 100, 333):
            # Where more than half of the rows are wanted, PostgreSQL sorts all of them.
            for skip in range(0, 1_000 - limit, max(limit, 97)):
                body = {**span, "limit": str(limit), "skip": str(skip)}
                given = answer(does, simulated, body, moment=0).rows
                assert [row.body.decode() for row in given] == [
                    json.dumps(json.loads(text), separators=(",", ":"))
                    for text in table.asked(query(body, order, True))
                ]
