"""The emulator: the simulation served over HTTP, with tokens, faults and latency."""

from __future__ import annotations

import logging
import socket
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from random import Random
from threading import Lock, Thread
from typing import Any

import orjson
from flask import Flask, Response, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from .answers import HANDLER_KEY, JSON, damaged, faulty, response
from .authorization import WRONG_CREDENTIALS, Authorization, refused
from .clock import NOW, Clock
from .log_rows import logged
from .reading import Fault, Reading
from .rows import generate_rows
from .simulation import Log, Refusal, answer, failed

Row = Mapping[str, Any]
# It tells of every connection that is reset on purpose; what goes wrong in here Flask tells itself.
logging.getLogger("werkzeug").setLevel(logging.CRITICAL)


@dataclass
class RequestSeen:
    """One request for a page. `status` and `rows` are 0 until, and unless, it is answered."""

    bot_id: str
    body: dict[str, Any]
    headers: dict[str, str]
    status: int = 0
    rows: int = 0


class _Play:
    """A reading that is being played, for all bots or for one that differs: what it leaves to chance. Thread-safe."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self._script = deque(reading.faults_script or ())
        self._faults = Random(reading.fault_seed)
        self._lock = Lock()

    def fault(self) -> Fault | None:
        """The fault of the next request, or None if it is to be answered well."""
        with self._lock:
            if self._script:
                return self._script.popleft()
            is_met = self.reading.faults and self._faults.random() < self.reading.fault_rate
            return self._faults.choice(self.reading.faults) if is_met else None


class _Bot:
    """A bot's log. Its lock is held while a page is made."""

    def __init__(self, log: Log | Iterable[Row] = ()) -> None:
        self.log = log if isinstance(log, Log) else Log(map(logged, log))
        self.asked = 0
        self.lock = Lock()


class Emulator:
    """A running server with its rows, its reading, and what it has been asked.

    `reading` may be replaced while it runs: faults and moving rows then start afresh. `before_response` is called just
    before a page is read from the log, so that a test can change the log under a paging client. Tokens are checked by
    the machine's clock; all else goes by a clock that shows `now` when the emulator is made, as does its `Date`.
    """

    def __init__(
        self,
        rows: Mapping[str, Iterable[Row] | Log],
        reading: Reading | None = None,
        *,
        client_id: str = "cs-demo",
        client_secret: str = "demo-secret-of-the-emulator-long-enough-for-every-hmac-the-app-form-offers",
        port: int = 0,
        now: datetime = NOW,
    ) -> None:
        self.before_response: Callable[[RequestSeen], None] | None = None
        self.clock = Clock(now)
        self._credentials = {"client_id": client_id, "client_secret": client_secret}
        self._port = port
        self.bots = {bot_id: _Bot(given) for bot_id, given in rows.items()}
        self._authorization = Authorization(client_id, client_secret)
        self._requests: list[RequestSeen] = []
        self._connections: set[socket.socket] = set()
        self._server: BaseWSGIServer | None = None
        self.reading = reading or Reading()

    @property
    def reading(self) -> Reading:
        """How the API behaves at the moment."""
        return self._common.reading

    @reading.setter
    def reading(self, reading: Reading) -> None:
        unknown = [bot_id for bot_id in reading.by_bot if bot_id not in self.bots]
        if unknown:
            raise ValueError(f"by_bot: no bot {', '.join(unknown)}")
        self._plays = {bot_id: _Play(reading.for_bot(bot_id)) for bot_id in reading.by_bot}
        self._common = _Play(reading)
        for bot in self.bots.values():
            bot.asked = 0

    @property
    def url(self) -> str:
        """Where it listens; known once started."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def requests(self) -> list[RequestSeen]:
        """Every request for a page so far, in the order they arrived."""
        return list(self._requests)

    def clear_requests(self) -> None:
        """Forget the requests seen; used tokens stay as they are."""
        self._requests.clear()

    def config(self, **overrides: Any) -> dict[str, Any]:
        """A connector config that reads everything this emulator has, and waits for no limit of its own."""
        rows = (row for bot in self.bots.values() for row in bot.log.rows)
        earliest = min((when for row in rows for when in (row.start, row.end) if when is not None), default=None)
        day = datetime.fromtimestamp(self.clock.seconds() if earliest is None else earliest / 1000, timezone.utc)
        start = {"start_date": f"{day:%Y-%m-%d}T00:00:00Z"}
        unlimited = {"requests_per_minute": 100_000, "requests_per_hour": 1_000_000}
        return {"host": self.url, "bot_ids": list(self.bots), **self._credentials, **start, **unlimited, **overrides}

    def rows(self, bot_id: str) -> list[dict[str, Any]]:
        """All rows of a bot, as the API sends them."""
        return [orjson.loads(row.body) for row in self.bots[bot_id].log.rows]

    def add_rows(self, bot_id: str, rows: Iterable[Row]) -> None:
        """Log more rows."""
        bot = self.bots[bot_id]
        with bot.lock:
            bot.log = bot.log.with_rows(map(logged, rows))

    def __enter__(self) -> Emulator:
        """Listen and serve in a thread of its own."""
        app, handler = _application(self), _handler(self.clock, self._connections)
        self._server = make_server("127.0.0.1", self._port, app, threaded=True, request_handler=handler)
        self._port = self._server.server_port
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *raised: object) -> None:
        """Stop listening and hang up on every client."""
        assert self._server is not None
        self._server.shutdown()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def answer(self, bot_id: str) -> Response:
        """Answer the current request for a page of a bot's log."""
        play = self._plays.get(bot_id, self._common)
        token, body = request.headers.get("auth"), request.get_json(silent=True)
        body = body if isinstance(body, dict) else None
        seen = RequestSeen(bot_id, body or {}, dict(request.headers))
        self._requests.append(seen)
        time.sleep(play.reading.latency_seconds)
        try:
            answered = self._answer(seen, body, token, play)
        except Refusal as refusal:
            answered = response(refusal.answer, play.reading)
        is_broken = request.environ[HANDLER_KEY].close_connection
        seen.status = 0 if is_broken else answered.status_code
        return answered

    def _answer(self, seen: RequestSeen, body: dict[str, Any] | None, token: str | None, play: _Play) -> Response:
        reading = play.reading
        fault = play.fault()
        if fault is not None and fault not in ("broken", "truncated"):
            return faulty(fault, reading)
        self._authorization.check(token, reading)
        if seen.bot_id in reading.without_scope:
            raise refused("Permission denied. Scope is incorrect!")
        if seen.bot_id not in self.bots:
            raise refused(WRONG_CREDENTIALS)
        if body is None:
            raise failed("refused", "body should be a JSON object", reading)
        if self.before_response is not None:
            self.before_response(seen)
        bot, moment = self.bots[seen.bot_id], self.clock.milliseconds()
        with bot.lock:
            number, bot.asked = bot.asked, bot.asked + 1
            given = answer(reading, bot.log, body, moment, number, reading.fault_seed)
        if fault in ("broken", "truncated"):
            return damaged(fault, given, reading)
        seen.rows = len(given.rows)
        return response(given, reading)


def _application(emulator: Emulator) -> Flask:
    """One POST route that answers as Kore.ai would, and a few of its own to look inside."""
    app = Flask("kore_emulator")

    @app.post("/api/1.1/public/bot/<bot_id>/getLLMUsageLogs")
    def usage_logs(bot_id: str) -> Response:
        return emulator.answer(bot_id)

    @app.get("/_emulator/rows")
    def row_counts() -> Response:
        return _json({bot_id: len(bot.log.rows) for bot_id, bot in emulator.bots.items()})

    @app.post("/_emulator/rows")
    def log_recent_rows() -> Response:
        """Of the last 20 minutes, up to 2 minutes ago, for every bot."""
        count = int(request.get_json()["count_per_bot"])
        end = datetime.fromtimestamp(emulator.clock.seconds(), timezone.utc) - timedelta(minutes=2)
        for bot_id in emulator.bots:
            rows = generate_rows(bot_id, end - timedelta(minutes=18), end, count, uuid.uuid4().int)
            emulator.add_rows(bot_id, rows)
        return _json({"added": dict.fromkeys(emulator.bots, count)})

    @app.get("/_emulator/rows/<bot_id>")
    def bot_rows(bot_id: str) -> Response:
        return _json(emulator.rows(bot_id))

    @app.get("/_emulator/requests")
    def requests_seen() -> Response:
        return _json([asdict(seen) for seen in emulator.requests])

    return app


def _handler(clock: Clock, connections: set[socket.socket]) -> type[WSGIRequestHandler]:
    """A handler that keeps `connections` the set of those that are open, and dates its answers by the clock."""

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
            self.seconds: float | None = None  # What the `Date` is to say, where it is not the emulator's clock.
            return {**super().make_environ(), HANDLER_KEY: self}

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(timestamp or self.seconds or clock.seconds())

        def log(self, type: str, message: str, *args: Any) -> None:
            pass

    return Handler


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), content_type=JSON)
