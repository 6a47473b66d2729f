"""A server that gives the answers it is told, one a request, and keeps what it was asked."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One answer. Its length is announced, and the connection stays open. A header that is given as "" is not sent."""

    status: int = 200
    body: bytes = b"[]"
    headers: dict[str, str] = field(default_factory=dict)
    clock_ahead: float = 0.0
    """Seconds, of the server's `Date`."""
    after: float = 0.0
    """Seconds that it takes."""
    is_dropped: bool = False
    """The connection is closed in its place."""
    is_cut: bool = False
    """The connection is closed in the middle of the body."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever asked has gone."""


class ScriptedServer:
    """Answers with `script`, then for ever with `page` where `skip` is 0, else with `[]`; to a request about a bot of
    `of_bot`, always with that bot's answer. Or with what `answers` makes of a bot and the body of a request about it.

    `asked` holds method, path and headers of each request.
    """

    def __init__(
        self,
        script: Iterable[Answer] = (),
        page: bytes = b"[]",
        of_bot: Mapping[str, Answer] | None = None,
        answers: Callable[[str, dict[str, Any]], Answer] | None = None,
    ):
        script = iter(script)
        self.asked = asked = list[tuple[str, str, dict[str, str]]]()

        gone = self._gone = Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked.append((self.command, self.path, dict(self.headers.items())))
                of_this_bot = next((answer for bot, answer in (of_bot or {}).items() if f"/{bot}/" in self.path), None)
                if answers is not None:
                    given = answers(self.path.split("/")[-2], json.loads(body))
                else:
                    given = of_this_bot or next(script, None) or Answer(body=page if b'"skip": "0"' in body else b"[]")
                if given.after:
                    gone.wait(given.after)
                if given.is_dropped:
                    self.close_connection = True
                    return
                self.send_response_only(given.status)
                own = {
                    "Date": self.date_time_string(time.time() + given.clock_ahead),
                    "Content-Length": str(len(given.body)),
                }
                for name, value in {**own, **given.headers}.items():
                    if value:
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(given.body[: len(given.body) // 2] if given.is_cut else given.body)
                self.close_connection |= given.is_cut

            do_POST = do_GET = do_CONNECT = answer

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> ScriptedServer:
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gone.set()
        self._server.shutdown()
        self._server.server_close()
