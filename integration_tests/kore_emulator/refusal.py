"""A request the API does not grant, in the envelope of Kore.ai's public APIs."""

from __future__ import annotations

from collections.abc import Mapping

import orjson


class RefusedError(Exception):
    """Carries the answer: a status and `{"errors": [{"msg": ..., "code": ...}]}`."""

    def __init__(
        self, status: int, message: str, *, code: int = 4002, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.body = orjson.dumps({"errors": [{"msg": message, "code": code}]})
