"""The 401s that only their message tells apart, as the real platform answers them."""

from __future__ import annotations

import time
from threading import Lock
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from .reading import Reading
from .simulation import Answer, Refusal

_ALGORITHMS = ["HS256", "HS512"]
_RSA_ALGORITHMS = ["RS256", "RS512"]
_LEEWAY_SECONDS = 60
WRONG_CREDENTIALS = "Invalid SDK credentials"
"""Of a JWT of another app or another secret, of an old one, and for a bot that the app does not know."""
INVALID_TOKEN = "Invalid JWT token"
"""Of what is not a JWT, and of one without a `jti`."""
_HOUR = 3600


class Authorization:
    """Checks the token of the `auth` header against one app's client id and secret.

    A secret that is an RSA private key (PEM) makes an app that signs with RS256 or RS512.
    """

    def __init__(self, client_id: str, client_secret: str) -> None:
        self._client_id = client_id
        self._is_rsa = client_secret.startswith("-----BEGIN ")
        self._key: Any = (
            load_pem_private_key(client_secret.encode(), None).public_key() if self._is_rsa else client_secret
        )
        self._used: set[str] = set()
        self._lock = Lock()

    def check(self, token: str | None, reading: Reading) -> None:
        """Raise the refusal this token earns, or use up its `jti` and return."""
        now = time.time()
        try:
            claims = jwt.decode(
                token or "",
                self._key,
                algorithms=_RSA_ALGORITHMS if self._is_rsa else _ALGORITHMS,
                options={"verify_aud": False, "verify_exp": False, "verify_iat": False, "require": ["sub"]},
            )
        except (jwt.InvalidSignatureError, jwt.MissingRequiredClaimError):
            raise refused(WRONG_CREDENTIALS) from None
        except jwt.InvalidTokenError:
            raise refused(INVALID_TOKEN) from None
        if claims.get("appId") != self._client_id or claims.get("exp", now) < now - _LEEWAY_SECONDS:
            raise refused(WRONG_CREDENTIALS)
        if claims.get("iat", now) > now + _LEEWAY_SECONDS:
            raise refused("error verifying the jwt: jwt not active")
        if "jti" in claims and claims.get("exp", now + 2 * _HOUR) - now > _HOUR:
            raise refused('error verifying the jwt: if "jti" claim "exp" must be <= 1 hour(s)')
        jti = claims.get("jti")
        if not reading.reject_reused_jti:
            return
        if not isinstance(jti, str) or not jti:
            raise refused(INVALID_TOKEN)
        with self._lock:
            if jti in self._used:
                raise refused("error verifying the jwt: possibly a replay")
            self._used.add(jti)


def refused(words: str) -> Refusal:
    return Refusal(Answer(401, words=words))
