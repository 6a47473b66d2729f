"""The HTTP side: one POST route that answers as Kore.ai would, and a few of its own to look inside."""

from __future__ import annotations

import logging
import socket
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson
from flask import Flask, Response, request
from werkzeug.serving import WSGIRequestHandler

from .responses import HANDLER_KEY, JSON

if TYPE_CHECKING:
    from .server import Emulator

# It tells of every connection that is reset on purpose; what goes wrong in here Flask tells itself.
logging.getLogger("werkzeug").setLevel(logging.CRITICAL)


def application(emulator: Emulator) -> Flask:
    """The routes of an emulator."""
    app = Flask("kore_emulator")

    @app.post("/api/1.1/public/bot/<bot_id>/getLLMUsageLogs")
    def usage_logs(bot_id: str) -> Response:
        return emulator.answer(bot_id)

    @app.get("/_emulator/rows")
    def row_counts() -> Response:
        return _json(emulator.row_counts())

    @app.post("/_emulator/rows")
    def log_recent_rows() -> Response:
        asked = json_object(request.get_data()) or {}
        return _json({"added": emulator.log_recent_rows(int(asked.get("count_per_bot", 40)))})

    @app.get("/_emulator/rows/<bot_id>")
    def bot_rows(bot_id: str) -> Response:
        return _json(emulator.rows(bot_id)) if bot_id in emulator.row_counts() else Response(status=404)

    @app.get("/_emulator/requests")
    def requests_seen() -> Response:
        return _json([asdict(seen) for seen in emulator.requests])

    return app


def handler_class(connections: set[socket.socket]) -> type[WSGIRequestHandler]:
    """A handler that keeps `connections` the set of those that are open."""

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
            return {**super().make_environ(), HANDLER_KEY: self}

        def log(self, type: str, message: str, *args: Any) -> None:
            pass

    return Handler


def json_object(body: bytes) -> dict[str, Any] | None:
    """A body as a JSON object, or None if it is not one."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), content_type=JSON)
