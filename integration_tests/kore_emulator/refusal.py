"""A request that the API does not answer with rows."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from .reading import Beyond, Reading


class RefusedError(Exception):
    """Carries the answer: a status and `{"errors": [{"msg": ..., "code": ...}]}`."""

    def __init__(
        self, status: int, message: str, *, code: int = 4002, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.headers = dict(headers or {})
        self.body = orjson.dumps({"errors": [{"msg": message, "code": code}]})


class NoRowsError(Exception):
    """An argument that the server takes and makes nothing of: the answer is an empty page."""


def invalid(reading: Reading, hint: str) -> RefusedError:
    """The 412 that a bad argument earns."""
    message = "Validation errors/ Invalid arguments"
    return RefusedError(412, f"{message}: {hint}" if reading.hint_in_412 else message)


def beyond(mode: Beyond, reading: Reading, hint: str) -> Exception:
    """What an argument beyond a ceiling earns: a 412, an empty page or a 500."""
    if mode == "empty":
        return NoRowsError()
    return RefusedError(500, "Internal server error", code=5000) if mode == "error" else invalid(reading, hint)
