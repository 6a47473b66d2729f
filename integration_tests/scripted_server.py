"""A server that gives the answers it is told, one a request, and keeps what it was asked."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One answer. Its length is announced, and the connection stays open. `raw` bytes are sent in its place, and the
    connection is closed."""

    status: int = 200
    body: bytes = b"[]"
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None


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
        tls: ssl.SSLContext | None = None,
    ):
        script = iter(script)
        self.asked = asked = list[tuple[str, str, dict[str, str]]]()

        def given(path: str, body: bytes) -> Answer:
            bot = path.split("/")[-2] if path.count("/") > 1 else ""
            if answers is not None:
                return answers(bot, json.loads(body))
            of_this_bot = (of_bot or {}).get(bot)
            return of_this_bot or next(script, None) or Answer(body=page if b'"skip": "0"' in body else b"[]")

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked.append((self.command, self.path, dict(self.headers.items())))
                answer = given(self.path, body)
                if answer.raw is not None:
                    self.close_connection = True
                    self.wfile.write(answer.raw)
                    return
                self.send_response_only(answer.status)
                date = self.date_time_string()
                for header in {"Date": date, "Content-Length": str(len(answer.body)), **answer.headers}.items():
                    self.send_header(*header)
                self.end_headers()
                self.wfile.write(answer.body)

            do_POST = do_GET = do_CONNECT = answer

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._scheme, host = ("https", "localhost") if tls else ("http", "127.0.0.1")
        self.address = f"{host}:{self._server.server_port}"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    def config(self, *bots: str, **changes: Any) -> dict[str, Any]:
        """A config that leads here and reads a few days."""
        return {
            "host": f"{self._scheme}://{self.address}", "bot_ids": list(bots or ["st-alpha"]), "client_id": "cs-1",
            "client_secret": "a-secret-of-the-app-in-this-test-long-enough-for-every-algorithm-of-it",
            "start_date": time.strftime("%Y-%m-%d", time.gmtime(time.time() - 4 * 86400)),
            "requests_per_minute": 100_000, "requests_per_hour": 1_000_000, **changes,
        }  # fmt: skip

    def __enter__(self) -> ScriptedServer:
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.shutdown()
        self._server.server_close()
