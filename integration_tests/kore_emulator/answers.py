"""The simulation's answers, and the faults of a network, as bytes on a connection."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterator, Mapping

import orjson
from flask import Response, request

from .reading import Fault, Reading
from .simulation import Answer

JSON = "application/json"
HANDLER_KEY = "kore_emulator.handler"
_CODES = {429: 4029, 500: 5000}
_WORDS = {"401": "Invalid SDK credentials", "404": "Resource not found"}
_BODIES = {"object_200": {"status": "success", "data": []}, "encrypted": {"data": "3q2+7w=="}}
_TITLES = {
    413: "413 Request Entity Too Large",
    502: "502 Bad Gateway",
    503: "503 Service Temporarily Unavailable",
    504: "504 Gateway Time-out",
}


def response(answer: Answer, reading: Reading) -> Response:
    """What a client is sent."""
    if answer.status == 0:
        return _reset()
    if answer.is_cut:
        return _broken(b"[" + b" " * 1000 + b"]")
    if answer.words:
        return refused(answer, reading)
    if not answer.rows and reading.no_content:
        return Response(status=204)
    return Response(page_body(answer, reading), content_type=JSON)


def page_body(answer: Answer, reading: Reading) -> bytes:
    array = b"[" + b",".join(row.body for row in answer.rows) + b"]"
    return array if reading.envelope == "array" else b'{"hits":' + array + b"}"


def refused(answer: Answer, reading: Reading, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal of Kore.ai's, or the page of a gateway before it."""
    if answer.status in _TITLES:
        return _gateway_page(_TITLES[answer.status], answer.status)
    if answer.status == 401:
        request.environ[HANDLER_KEY].seconds = time.time()
    if reading.error_body == "text":
        return Response(answer.words, answer.status, headers, content_type="text/plain")
    error = {"msg": answer.words, "code": _CODES.get(answer.status, 4002)}
    return Response(orjson.dumps({"errors": [error]}), answer.status, headers, content_type=JSON)


def faulty(fault: Fault, reading: Reading) -> Response:
    """A whole answer that is not the one asked for."""
    if fault == "reset":
        return _reset()
    if fault == "429":
        words = "Rate limit for this API has been reached. Please try again after some time."
        return refused(Answer(429, words=words), reading, {"Retry-After": "25"})
    if fault in _BODIES:
        return Response(orjson.dumps(_BODIES[fault]), content_type=JSON)
    if fault == "302":
        return Response(status=302, headers={"Location": "/login"})
    if fault in ("html_200", "html_403"):
        return _gateway_page("Sign in", int(fault[-3:]))
    return refused(Answer(int(fault), words=_WORDS.get(fault, "Internal server error")), reading)


def damaged(fault: Fault, answer: Answer, reading: Reading) -> Response:
    """Half of a page: as a whole answer ("truncated"), or before the connection breaks ("broken")."""
    page = page_body(answer, reading)
    return _broken(page) if fault == "broken" else Response(page[: len(page) // 2], content_type=JSON)


def _gateway_page(title: str, status: int) -> Response:
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Response(page, status, content_type="text/html; charset=utf-8")


def _reset() -> Response:
    """Break the connection with a TCP reset instead of an answer."""
    handler = request.environ[HANDLER_KEY]
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
    request.environ[HANDLER_KEY].close_connection = True

    def body() -> Iterator[bytes]:
        yield page[: len(page) // 2]
        raise ConnectionResetError

    return Response(body(), content_type=JSON, headers={"Content-Length": str(len(page))})
