"""The answers of a server and of the boxes before it: pages, refusals, and what breaks."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator, Sequence

import orjson
from flask import Response, request

from .log_store import StoredRow
from .reading import Fault, Reading
from .refusal import RefusedError, invalid

JSON = "application/json"
HANDLER_KEY = "kore_emulator.handler"
_GATEWAY_PAGE = b"<html><head><title>%s</title></head><body><h1>%s</h1></body></html>"
_TITLES = {
    "413": b"413 Request Entity Too Large",
    "502": b"502 Bad Gateway",
    "503": b"503 Service Temporarily Unavailable",
    "504": b"504 Gateway Time-out",
}


def page_body(rows: Sequence[StoredRow], reading: Reading) -> bytes:
    """The rows as the body of an answer."""
    array = b"[" + b",".join([stored.body for stored in rows]) + b"]"
    return array if reading.envelope == "array" else b'{"hits":' + array + b"}"


def refused(refusal: RefusedError, reading: Reading) -> Response:
    """A refusal, in the form that the reading gives it."""
    if reading.error_body == "text":
        return Response(refusal.message, refusal.status, refusal.headers, content_type="text/plain")
    return Response(refusal.body, refusal.status, refusal.headers, content_type=JSON)


def faulty(fault: Fault, reading: Reading) -> Response:
    """A whole answer that is not the one asked for."""
    if fault == "412":
        return refused(invalid(reading, "the request is not possible"), reading)
    if fault == "429":
        wait = {"Retry-After": str(reading.retry_after_seconds)}
        text = "Rate limit for this API has been reached. Please try again after some time."
        return refused(RefusedError(429, text, code=4029, headers=wait), reading)
    if fault == "500":
        return refused(RefusedError(500, "Internal server error", code=5000), reading)
    if fault == "object_200":
        return Response(orjson.dumps({"status": "success", "data": []}), content_type=JSON)
    title = _TITLES.get(fault, b"Sign in")
    status = 200 if fault == "html_200" else int(fault)
    return Response(_GATEWAY_PAGE % (title, title), status, content_type="text/html; charset=utf-8")


def reset() -> Response:
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


def broken(page: bytes) -> Response:
    """Announce the whole page, send half of it, and hang up."""
    request.environ[HANDLER_KEY].close_connection = True

    def body() -> Iterator[bytes]:
        yield page[: len(page) // 2]
        raise ConnectionResetError

    return Response(body(), content_type=JSON, headers={"Content-Length": str(len(page))})
