"""A real database behind an HTTP service of a few lines: the order of rows with equal dates is its own."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from integration_tests.destinations.servers import postgres_server
from integration_tests.in_process import sync
from integration_tests.kore_emulator.behaviour import Behaviour, iso
from integration_tests.kore_emulator.log_rows import logged
from integration_tests.kore_emulator.simulation import Log, answer
from integration_tests.scripted_server import Answer, ScriptedServer

BOT = "st-alpha"
START = datetime(2024, 3, 1, tzinfo=timezone.utc)
DAYS = 20
SECOND = timedelta(seconds=1)


Row = Mapping[str, Any]
ORDERS = {"second": "started DESC", "day": "date_trunc('day', started) DESC"}


def query(body: Mapping[str, Any], order: str, heeds_sort: bool) -> str:
    """A page in the order of the table, or in the one that the request asks for."""
    sort = body.get("sort") if heeds_sort else None
    by = f"taken {sort['order']}" if sort else ORDERS[order]
    first, last = (f"timestamptz {_text(body[key])}" for key in ("dateFrom", "dateTo"))
    page = f"LIMIT {int(body['limit'])} OFFSET {int(body.get('skip', 0))}"
    return f"SELECT body FROM log WHERE started >= {first} AND started <= {last} ORDER BY {by} {page}"


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


class Postgres:
    """A table `log` of rows, which no index orders, in PostgreSQL on loopback, asked through its own client. Not
    thread-safe."""

    def __init__(self, port: int, rows: Sequence[Row]) -> None:
        psql = shutil.which("psql") or str(sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"))[-1])
        command = [psql, "-XAtq", "-v", "ON_ERROR_STOP=1", f"postgresql://kore@127.0.0.1:{port}/postgres"]
        self._psql = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        values = (f"({_text(row['start Date'])}, {row['Time Taken']}, {_text(json.dumps(row))})" for row in rows)
        self.asked("CREATE TEMPORARY TABLE log (started timestamptz, taken int, body text)")
        self.asked(f"INSERT INTO log VALUES {','.join(values)}; ANALYZE log")

    def asked(self, statement: str) -> list[str]:
        self._psql.stdin.write(f"{statement};\n\\echo end\n")
        self._psql.stdin.flush()
        lines = []
        while (line := self._psql.stdout.readline().removesuffix("\n")) != "end":
            if not line:
                raise RuntimeError(f"psql ended at {statement[:500]}")
            lines.append(line)
        return lines

    def close(self) -> None:
        self._psql.communicate("\\q\n")


def served(table: Postgres, order: str, heeds_sort: bool) -> ScriptedServer:
    """A server that answers each request with a page of the table, sorted by the `second` or the `day` on which a call
    started, the newest first; or as the request's `sort` says."""
    lock = Lock()

    def answer(bot: str, body: dict[str, Any]) -> Answer:
        with lock:
            return Answer(body=f"[{','.join(table.asked(query(body, order, heeds_sort)))}]".encode())

    return ScriptedServer(answers=answer)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with postgres_server() as port:
        yield port


def call(number: int, start: datetime) -> dict[str, Any]:
    taken = 500 + 7919 * number % 4_000
    begun = int(start.timestamp() * 1000)
    dates = {"start Date": iso(begun), "End Date": iso(begun + taken)}
    return {**dates, "Time Taken": taken, "Description": f"row {number}", "Channel Name": "rtm"}


def rows(count: int, ties: int) -> list[dict[str, Any]]:
    """So many rows in all, spread over the days; `ties` of them start in one second of the tenth day."""
    apart = timedelta(days=DAYS) // (count - ties) // SECOND * SECOND
    spread = [call(number, START + number * apart) for number in range(count - ties)]
    burst = START + timedelta(days=DAYS / 2, minutes=7)
    return spread + [call(count - ties + number, burst) for number in range(ties)]


@pytest.mark.parametrize(
    ("order", "ties", "page_size", "heeds_sort"),
    [
        ("second", 300, 50, True),
        ("second", 60, 50, False),
        ("second", 110, 100, False),
        ("day", 300, 100, True),
        ("day", 3_000, 1_000, True),
    ],
)
def test_a_table_with_many_equal_dates_is_read_whole(
    port: int, order: str, ties: int, page_size: int, heeds_sort: bool
) -> None:
    """Where the one documented `sort` is not heeded, the order among equal dates may never show some rows, whatever
    page is asked for: then it may fail, and says so."""
    log = rows(ties + (700 if heeds_sort else 100), ties)
    span = {"start_date": f"{START:%Y-%m-%d}", "end_date": f"{START + timedelta(days=DAYS):%Y-%m-%d}"}
    with closing(Postgres(port, log)) as table, served(table, order, heeds_sort) as server:
        synced = sync(server.config(**span, page_size=page_size))
    found = synced.rows(BOT)
    assert set(found.values()) <= {1}
    lost = {raw["Description"] for raw in log} - set(found)
    assert not lost or (synced.errors and not heeds_sort), f"{len(lost)} rows lost; {synced.told or 'in silence'}"
    assert not heeds_sort or synced.errors == []


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
