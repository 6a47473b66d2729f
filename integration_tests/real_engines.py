"""Real databases behind an HTTP service of a few lines: the order of rows with equal dates is theirs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import duckdb

from integration_tests.scripted_server import Answer, ScriptedServer

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


class Table(Protocol):
    """A table `log` of rows, which no index orders. Not thread-safe."""

    def asked(self, statement: str) -> list[str]: ...


class Postgres:
    """PostgreSQL on loopback, asked through its own client."""

    def __init__(self, port: int, rows: Sequence[Row]) -> None:
        psql = shutil.which("psql") or str(sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"))[-1])
        command = [psql, "-XAtq", "-v", "ON_ERROR_STOP=1", f"postgresql://kore@127.0.0.1:{port}/postgres"]
        self._psql = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        fill(self, "SET client_min_messages = warning; DROP TABLE IF EXISTS log", rows)

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


class DuckDB:
    """DuckDB in this process, which sorts in several threads."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._connection = duckdb.connect()
        fill(self, "SET TimeZone = 'UTC'", rows)

    def asked(self, statement: str) -> list[str]:
        return [text for (text, *_) in self._connection.execute(statement).fetchall()]


def fill(table: Table, first: str, rows: Sequence[Row]) -> None:
    values = ",".join(f"({_text(row['start Date'])}, {row['Time Taken']}, {_text(json.dumps(row))})" for row in rows)
    table.asked(first)
    table.asked("CREATE TABLE log (started timestamptz, taken int, body text)")
    table.asked(f"INSERT INTO log VALUES {values}; ANALYZE log")


def served(table: Table, order: str, heeds_sort: bool) -> ScriptedServer:
    """A server that answers each request with a page of the table, sorted by the `second` or the `day` on which a call
    started, the newest first; or as the request's `sort` says."""
    lock = Lock()

    def answer(bot: str, body: dict[str, Any]) -> Answer:
        with lock:
            return Answer(body=f"[{','.join(table.asked(query(body, order, heeds_sort)))}]".encode())

    return ScriptedServer(answers=answer)
