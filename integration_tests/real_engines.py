"""Real databases behind an HTTP service of a few lines: the order of rows with equal dates is theirs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Protocol

import duckdb

Row = Mapping[str, Any]
ORDERS = {"second": "started DESC", "day": "date_trunc('day', started) DESC"}


def paged(body: Mapping[str, Any], order: str, heeds_sort: bool) -> str:
    """The end of a query: a page in the order of the table, or in the one that the request asks for."""
    sort = body.get("sort") if heeds_sort else None
    by = f"taken {sort['order']}" if sort else ORDERS[order]
    return f" ORDER BY {by} LIMIT {int(body['limit'])} OFFSET {int(body.get('skip', 0))}"


class Table(Protocol):
    """A table of rows, of which it gives one page. Not thread-safe."""

    def page(self, body: Mapping[str, Any], order: str, heeds_sort: bool = True) -> list[str]: ...


class Postgres:
    """PostgreSQL on loopback, asked through its own client, with a table `log` that no index orders."""

    def __init__(self, port: int, rows: Sequence[Row]) -> None:
        psql = shutil.which("psql") or str(sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"))[-1])
        command = [psql, "-XAtq", "-v", "ON_ERROR_STOP=1", f"postgresql://kore@127.0.0.1:{port}/postgres"]
        self._psql = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        values = ",".join(
            f"({_text(row['start Date'])}, {row['Time Taken']}, {_text(json.dumps(row))})" for row in rows
        )
        self._asked("SET client_min_messages = warning; DROP TABLE IF EXISTS log")
        self._asked("CREATE TABLE log (started timestamptz, taken int, body text)")
        self._asked(f"INSERT INTO log VALUES {values}; ANALYZE log")

    def _asked(self, statement: str) -> list[str]:
        assert self._psql.stdin is not None
        assert self._psql.stdout is not None
        self._psql.stdin.write(f"{statement};\n\\echo end\n")
        self._psql.stdin.flush()
        lines = []
        while (line := self._psql.stdout.readline().removesuffix("\n")) != "end":
            if not line:
                raise RuntimeError(f"psql ended at {statement[:500]}")
            lines.append(line)
        return lines

    def page(self, body: Mapping[str, Any], order: str, heeds_sort: bool = True) -> list[str]:
        return self._asked(
            f"SELECT body FROM log WHERE started >= {_text(body['dateFrom'])} AND started <= {_text(body['dateTo'])}"
            + paged(body, order, heeds_sort)
        )

    def close(self) -> None:
        self._psql.communicate("\\q\n")


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


class DuckDB:
    """DuckDB in this process, which sorts in several threads."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._connection = duckdb.connect()
        self._connection.execute(
            "SET TimeZone = 'UTC'; CREATE TABLE log (started TIMESTAMPTZ, taken INT, body VARCHAR)"
        )
        self._connection.executemany(
            "INSERT INTO log VALUES (?, ?, ?)",
            [[row["start Date"], row["Time Taken"], json.dumps(row)] for row in rows],
        )

    def page(self, body: Mapping[str, Any], order: str, heeds_sort: bool = True) -> list[str]:
        found = self._connection.execute(
            "SELECT body FROM log WHERE started >= ?::TIMESTAMPTZ AND started <= ?::TIMESTAMPTZ"
            + paged(body, order, heeds_sort),
            [body["dateFrom"], body["dateTo"]],
        )
        return [text for (text,) in found.fetchall()]


@contextmanager
def served(table: Table, order: str, heeds_sort: bool) -> Iterator[str]:
    """The address of a server that answers each request with a page of the table, sorted by the `second` or the `day`
    on which a call started, the newest first; or as the request's `sort` says."""
    lock = Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                answer = f"[{','.join(table.page(body, order, heeds_sort))}]".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
