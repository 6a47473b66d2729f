"""The HTTP server: one POST route that answers as Kore.ai would, and a few of its own to look inside."""

from __future__ import annotations

import logging
import os
import socket
import struct
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from threading import Lock, Thread
from types import TracebackType
from typing import Any, cast

import orjson
from flask import Flask, Response, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from .arguments import Query, invalid_body, parse_ms, parse_query
from .authorization import Authorization, check_bot, jti_of
from .faults import Faults
from .log_store import LogStore, Row
from .rate_limit import RateLimit
from .reading import Reading
from .refusal import RefusedError
from .rows import generate_rows

_JSON = "application/json"
# It tells of every connection that is reset on purpose; what goes wrong in here Flask tells itself.
logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
_GATEWAY_PAGE = b"<html><head><title>%s</title></head><body><h1>%s</h1></body></html>"
_HANDLER_KEY = "kore_emulator.handler"


@dataclass
class RequestSeen:
    """One request for a page. `status` and `rows` are 0 until, and unless, it is answered."""

    bot_id: str
    body: dict[str, Any]
    at: float
    headers: dict[str, str]
    jti: str | None
    status: int = 0
    rows: int = 0


@dataclass
class _Insertion:
    """How many rows the current reading has already slipped in between two pages."""

    used: int = 0
    lock: Lock = field(default_factory=Lock)


class Emulator:
    """A running server with its rows, its reading, and what it has been asked.

    `reading` may be replaced while it runs: faults and insertions then start afresh. `before_response` is
    called just before a page is read from the log, so that a test can change the log under a paging client.
    """

    def __init__(
        self,
        rows: Mapping[str, Iterable[Row] | LogStore],
        reading: Reading | None = None,
        *,
        client_id: str = "cs-demo",
        client_secret: str = "demo-secret-of-the-emulator-long-enough-for-every-hmac-the-app-form-offers",
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.before_response: Callable[[RequestSeen], None] | None = None
        self._client_id = client_id
        self._client_secret = client_secret
        self._host = host
        self._port = port
        self._stores = {
            bot_id: given if isinstance(given, LogStore) else LogStore(given) for bot_id, given in rows.items()
        }
        self._authorization = Authorization(client_id, client_secret)
        self._rate_limit = RateLimit()
        self._requests: list[RequestSeen] = []
        self._lock = Lock()
        self._connections: set[socket.socket] = set()
        self._server: BaseWSGIServer | None = None
        self._thread: Thread | None = None
        self.reading = reading or Reading()

    @property
    def reading(self) -> Reading:
        """How the API behaves at the moment."""
        return self._reading

    @reading.setter
    def reading(self, reading: Reading) -> None:
        self._faults = Faults(reading)
        self._insertion = _Insertion()
        self._reading = reading

    @property
    def url(self) -> str:
        """Where it listens; known once started."""
        return f"http://{self._host}:{self._port}"

    @property
    def requests(self) -> list[RequestSeen]:
        """Every request for a page so far, in the order they arrived."""
        with self._lock:
            return list(self._requests)

    @property
    def refused_by_rate(self) -> int:
        """How many requests came too soon."""
        return self._rate_limit.refused

    def clear_requests(self) -> None:
        """Forget the requests seen; rate limits and used tokens stay as they are."""
        with self._lock:
            self._requests.clear()

    def config(self, **overrides: Any) -> dict[str, Any]:
        """A connector config that reads everything this emulator has."""
        moments = [
            ms
            for store in self._stores.values()
            for row in store.rows()
            for ms in (parse_ms(row.get("start Date")), parse_ms(row.get("End Date")))
            if ms is not None
        ]
        earliest = min(moments) / 1000 if moments else time.time()
        day = datetime.fromtimestamp(earliest, timezone.utc)
        return {
            "host": self.url,
            "bot_ids": list(self._stores),
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "start_date": f"{day:%Y-%m-%d}T00:00:00Z",
            **overrides,
        }

    def rows(self, bot_id: str) -> list[Row]:
        """All rows of a bot that exist now, as the API sends them."""
        return self._stores[bot_id].rows()

    def add_rows(self, bot_id: str, rows: Iterable[Row], appears_after: float = 0.0) -> None:
        """Log more rows, at once or `appears_after` seconds from now."""
        with self._lock:
            store = self._stores.setdefault(bot_id, LogStore())
        store.add(rows, appears_after)

    def start(self) -> Emulator:
        """Listen and serve in a thread of its own."""
        if self._server is not None:
            raise RuntimeError("the emulator is already running")
        handler = _handler_class(self._connections)
        app = _application(self)
        self._server = make_server(self._host, self._port, app, threaded=True, request_handler=handler)
        self._port = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening and hang up on every client."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server = self._thread = None
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def __enter__(self) -> Emulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def answer(self, bot_id: str) -> Response:
        """Answer the current request for a page of a bot's log."""
        reading, faults, insertion = self._reading, self._faults, self._insertion
        token = request.headers.get("auth")
        body = _json_object(request.get_data())
        seen = RequestSeen(bot_id, body or {}, time.time(), dict(request.headers), jti_of(token))
        with self._lock:
            self._requests.append(seen)
        if reading.latency_seconds:
            time.sleep(reading.latency_seconds)
        try:
            self._rate_limit.check(bot_id, reading)
            fault = faults.next()
            if fault == "reset":
                return _reset()
            if fault == "slow":
                time.sleep(reading.slow_seconds)
            elif fault is not None and fault not in ("broken", "truncated"):
                return _answered(seen, _faulty(fault))
            self._authorization.check(token, reading)
            check_bot(bot_id, bot_id in self._stores, reading)
            if body is None:
                raise invalid_body(reading)
            page, rows = self._page(seen, parse_query(body, reading), reading, insertion)
        except RefusedError as refusal:
            return _answered(
                seen, Response(refusal.body, refusal.status, refusal.headers, content_type=_JSON)
            )  # fmt: skip
        if reading.response_bytes_limit is not None and len(page) > reading.response_bytes_limit:
            return _answered(seen, _faulty("413"))
        if fault == "broken":
            return _answered(seen, _broken(page))
        if fault == "truncated":
            return _answered(seen, Response(page[: len(page) // 2], content_type=_JSON))
        return _answered(seen, Response(page, content_type=_JSON), rows)

    def _page(self, seen: RequestSeen, query: Query, reading: Reading, insertion: _Insertion) -> tuple[bytes, int]:
        store = self._stores[seen.bot_id]
        if query.skip > 0 and reading.insert_while_paging != "none":
            with insertion.lock:
                if insertion.used < reading.insert_rows and _insert(store, query, reading):
                    insertion.used += 1
        if self.before_response is not None:
            self.before_response(seen)
        ceiling = reading.skip_ceiling
        beyond = ceiling is not None and query.skip > ceiling
        page = [] if beyond else store.page(query, reading)
        return b"[" + b",".join([stored.body for stored in page]) + b"]", len(page)

    def log_recent_rows(self, count_per_bot: int) -> dict[str, int]:
        """Log new rows dated in the last 20 minutes, up to 2 minutes ago, for every bot."""
        end = datetime.now(timezone.utc) - timedelta(minutes=2)
        for bot_id in list(self._stores):
            seed = uuid.uuid4().int
            start = end - timedelta(minutes=18)
            self.add_rows(bot_id, generate_rows(bot_id, start, end, count_per_bot, seed))
        return dict.fromkeys(self._stores, count_per_bot)

    def row_counts(self) -> dict[str, int]:
        """How many rows each bot has now."""
        return {bot_id: len(store.rows()) for bot_id, store in self._stores.items()}


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _answered(seen: RequestSeen, response: Response, rows: int = 0) -> Response:
    seen.status, seen.rows = response.status_code, rows
    return response


def _faulty(fault: str) -> Response:
    """An answer that some box between the client and the API gives."""
    if fault == "object_200":
        return Response(b'{"status":"success","data":[]}', 200, content_type=_JSON)
    if fault == "500":
        body = orjson.dumps({"errors": [{"msg": "Internal server error", "code": 5000}]})
        return Response(body, 500, content_type=_JSON)
    title = {
        "413": b"413 Request Entity Too Large",
        "502": b"502 Bad Gateway",
        "503": b"503 Service Temporarily Unavailable",
        "504": b"504 Gateway Time-out",
    }.get(fault, b"Sign in")
    status = 200 if fault == "html_200" else int(fault)
    return Response(_GATEWAY_PAGE % (title, title), status, content_type="text/html; charset=utf-8")


def _reset() -> Response:
    """Break the connection with a TCP reset instead of an answer."""
    handler = request.environ[_HANDLER_KEY]
    handler.close_connection = True
    connection: socket.socket = handler.connection
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # The server still holds files on this socket, so only replacing its descriptor really closes it.
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, connection.fileno())
    os.close(nowhere)

    def body() -> Iterator[bytes]:
        raise ConnectionResetError
        yield b""

    return Response(body())


def _broken(page: bytes) -> Response:
    """Announce the whole page, send half of it, and hang up."""
    request.environ[_HANDLER_KEY].close_connection = True

    def body() -> Iterator[bytes]:
        yield page[: len(page) // 2]
        raise ConnectionResetError

    return Response(body(), content_type=_JSON, headers={"Content-Length": str(len(page))})


def _insert(store: LogStore, query: Query, reading: Reading) -> bool:
    """Clone one row of the window into its newest moment, its oldest, or the middle of its rows."""
    found = store.matching(query, reading)
    dated = [stored for stored in found if stored.by_end is not None]
    if not dated:
        return False
    middle = dated[len(dated) // 2]
    original = middle.row
    if reading.insert_while_paging == "front":
        at = min(query.after_ms - 1, int(time.time() * 1000))
    elif reading.insert_while_paging == "back":
        at = query.first_ms
    else:
        at = cast("int", middle.by_end if reading.filter_by == "end" else middle.by_start)
    start, end = parse_ms(original.get("start Date")), parse_ms(original.get("End Date"))
    duration = end - start if start is not None and end is not None else 0
    starts_at = at - duration if reading.filter_by == "end" else at
    clone = deepcopy(original)
    clone["Session ID"] = f"session-{uuid.uuid4()}"
    response = clone.get("Payload Details", {}).get("Response Payload")
    if isinstance(response, dict) and "id" in response:
        response["id"] = f"inserted-{uuid.uuid4()}"
    clone["start Date"] = _iso(starts_at)
    clone["End Date"] = _iso(starts_at + duration)
    store.add([clone])
    return True


def _iso(ms: int) -> str:
    moment = datetime.fromtimestamp(ms // 1000, timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def _handler_class(connections: set[socket.socket]) -> type[WSGIRequestHandler]:
    class Handler(WSGIRequestHandler):
        """Keep-alive, no waiting for delayed acknowledgements, no log."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            connections.add(self.connection)

        def finish(self) -> None:
            connections.discard(self.connection)
            super().finish()

        def make_environ(self) -> dict[str, Any]:
            return {**super().make_environ(), _HANDLER_KEY: self}

        def log(self, type: str, message: str, *args: Any) -> None:
            pass

    return Handler


def _application(emulator: Emulator) -> Flask:
    app = Flask("kore_emulator")

    @app.post("/api/1.1/public/bot/<bot_id>/getLLMUsageLogs")
    def usage_logs(bot_id: str) -> Response:
        return emulator.answer(bot_id)

    @app.get("/_emulator/rows")
    def row_counts() -> Response:
        return _json(emulator.row_counts())

    @app.post("/_emulator/rows")
    def log_recent_rows() -> Response:
        asked = _json_object(request.get_data()) or {}
        return _json({"added": emulator.log_recent_rows(int(asked.get("count_per_bot", 40)))})

    @app.get("/_emulator/rows/<bot_id>")
    def bot_rows(bot_id: str) -> Response:
        return _json(emulator.rows(bot_id)) if bot_id in emulator.row_counts() else Response(status=404)

    @app.get("/_emulator/requests")
    def requests_seen() -> Response:
        return _json([asdict(seen) for seen in emulator.requests])

    return app


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), content_type=_JSON)
