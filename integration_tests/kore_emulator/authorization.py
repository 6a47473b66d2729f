"""Three different 401s that only their message tells apart, as the real platform answers them."""

from __future__ import annotations

from threading import Lock

import jwt

from .reading import Reading
from .refusal import RefusedError

_ALGORITHMS = ["HS256", "HS384", "HS512"]
_LEEWAY_SECONDS = 60


class Authorization:
    """Checks the token of the `auth` header against one app's client id and secret."""

    def __init__(self, client_id: str, client_secret: str) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._used: set[str] = set()
        self._lock = Lock()

    def check(self, token: str | None, reading: Reading) -> None:
        """Raise the refusal this token earns, or use up its `jti` and return."""
        try:
            claims = jwt.decode(
                token or "",
                self._client_secret,
                algorithms=_ALGORITHMS,
                leeway=_LEEWAY_SECONDS,
                options={"verify_aud": False, "require": ["sub"]},
            )
        except (jwt.InvalidSignatureError, jwt.ExpiredSignatureError, jwt.MissingRequiredClaimError):
            raise wrong_credentials() from None
        except jwt.InvalidTokenError:
            raise invalid_token() from None
        if claims.get("appId") != self._client_id:
            raise wrong_credentials()
        if reading.reject_reused_jti:
            self._use_up(claims.get("jti"))

    def _use_up(self, jti: object) -> None:
        with self._lock:
            if not isinstance(jti, str) or not jti or jti in self._used:
                raise invalid_token()
            self._used.add(jti)


def jti_of(token: str | None) -> str | None:
    """The `jti` a token claims, checked or not: the request log shows it for refused requests too."""
    try:
        jti = jwt.decode(token or "", options={"verify_signature": False}).get("jti")
    except jwt.InvalidTokenError:
        return None
    return jti if isinstance(jti, str) else None


def check_bot(bot_id: str, known: bool, reading: Reading) -> None:
    """A bot the app does not know is refused with the words of a wrong secret."""
    refusal = reading.refusals.get(bot_id)
    if refusal == "scope":
        raise RefusedError(401, "Permission denied. Scope is incorrect!")
    if refusal == "token":
        raise invalid_token()
    if refusal == "credentials" or not known:
        raise wrong_credentials()


def invalid_token() -> RefusedError:
    """What is not a JWT, or one the app has seen before."""
    return RefusedError(401, "Invalid JWT token")


def wrong_credentials() -> RefusedError:
    """A JWT of another app or another secret, an old one, or a bot the app does not know."""
    return RefusedError(401, "Invalid SDK credentials")
