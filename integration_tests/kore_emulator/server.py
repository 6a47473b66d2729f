"""The emulator: rows, a reading of the API, and a server that answers by it."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from threading import Lock, Thread
from types import TracebackType
from typing import Any

from flask import Response, request
from werkzeug.serving import BaseWSGIServer, make_server

from .application import application, handler_class, json_object
from .arguments import invalid_body, parse_query
from .authorization import Authorization, check_bot, jti_of
from .changes import Changes
from .faults import Faults
from .log_store import LogStore, Row, StoredRow
from .rate_limit import RateLimit
from .reading import Reading
from .refusal import NoRowsError, RefusedError
from .responses import JSON, broken, faulty, page_body, refused, reset
from .rows import generate_rows


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


class _Play:
    """A reading that is being played, for all bots or for one that differs."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.faults = Faults(reading)
        self.changes = Changes(reading)


class Emulator:
    """A running server with its rows, its reading, and what it has been asked.

    `reading` may be replaced while it runs: faults and moving rows then start afresh. `before_response` is
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
        return self._common.reading

    @reading.setter
    def reading(self, reading: Reading) -> None:
        unknown = [bot_id for bot_id in reading.by_bot if bot_id not in self._stores]
        if unknown:
            raise ValueError(f"by_bot: no bot {', '.join(unknown)}")
        self._plays = {bot_id: _Play(reading.for_bot(bot_id)) for bot_id in reading.by_bot}
        self._common = _Play(reading)

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
        moments = [ms for ms in (store.earliest_ms() for store in self._stores.values()) if ms is not None]
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
        handler = handler_class(self._connections)
        app = application(self)
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
        play = self._plays.get(bot_id, self._common)
        token = request.headers.get("auth")
        body = json_object(request.get_data())
        seen = RequestSeen(bot_id, body or {}, time.time(), dict(request.headers), jti_of(token))
        with self._lock:
            self._requests.append(seen)
        if latency := play.faults.latency():
            time.sleep(latency)
        try:
            response = self._response(seen, body, token, play)
        except RefusedError as refusal:
            response = refused(refusal, play.reading)
        seen.status = response.status_code
        return response

    def _response(self, seen: RequestSeen, body: dict[str, Any] | None, token: str | None, play: _Play) -> Response:
        reading = play.reading
        self._rate_limit.check(seen.bot_id, reading)
        fault = play.faults.next()
        if fault == "reset":
            return reset()
        if fault == "slow":
            time.sleep(reading.slow_seconds)
        elif fault is not None and fault not in ("broken", "truncated"):
            return faulty(fault, reading)
        self._authorization.check(token, reading)
        check_bot(seen.bot_id, seen.bot_id in self._stores, reading)
        if body is None:
            raise invalid_body(reading)
        rows = self._page(seen, body, play)
        page = page_body(rows, reading)
        if reading.response_bytes_limit is not None and len(page) > reading.response_bytes_limit:
            return faulty("413", reading)
        if fault == "broken":
            return broken(page)
        if fault == "truncated":
            return Response(page[: len(page) // 2], content_type=JSON)
        seen.rows = len(rows)
        return Response(page, content_type=JSON)

    def _page(self, seen: RequestSeen, body: dict[str, Any], play: _Play) -> list[StoredRow]:
        try:
            query = parse_query(body, play.reading)
        except NoRowsError:
            return []
        store = self._stores[seen.bot_id]
        play.changes.before_page(store, query)
        if self.before_response is not None:
            self.before_response(seen)
        return store.page(query, play.reading)

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
