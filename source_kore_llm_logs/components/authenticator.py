"""A fresh JWT for every request, retries included: a `jti` is accepted once, and a token lives for minutes [D]."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import Any

import jwt
from airbyte_cdk.sources.declarative.auth.declarative_authenticator import DeclarativeAuthenticator
from airbyte_cdk.sources.types import Config

from source_kore_llm_logs.api.signing_key import signing_key

AUDIENCE = "https://idproxy.kore.ai/authorize"
VALID_SECONDS_BEFORE, VALID_SECONDS_AFTER = 120, 480
"""A token is dated back and ends after so many seconds: ten minutes in all.

The platform demands that `exp` is at most an hour away [D], and does not say from what: from `iat`, from its own clock,
or from one that differs from ours. Ten minutes are less under each reading. A clock of ours that runs two minutes ahead
does not make a token "not yet valid"; one that runs eight minutes behind, not "expired".
"""


@dataclass
class KoreJwtAuthenticator(DeclarativeAuthenticator):
    """Signs `{appId, sub, iss, aud, iat, exp, jti}` into the header `auth`. Thread-safe.

    `appId` and `sub` are required [D]; the other claims are what a real client of this endpoint sends [C].
    The secret and the ids are read from the config as they are: interpolation would turn a secret of
    digits into a number. Raises ValueError if the secret does not fit the algorithm.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._client_id = str(self.config["client_id"])
        self._algorithm = str(self.config.get("jwt_algorithm") or "HS256")
        self._key = signing_key(str(self.config["client_secret"]), self._algorithm)
        self._subject = str(self.config.get("jwt_subject") or self._client_id)
        self._audience = str(self.config.get("jwt_audience") or AUDIENCE)

    @property
    def auth_header(self) -> str:
        return "auth"

    @property
    def token(self) -> str:
        """A new token: no two calls return the same one."""
        now = int(time.time())
        claims = {
            "appId": self._client_id,
            "sub": self._subject,
            "iss": self._client_id,
            "aud": self._audience,
            "iat": now - VALID_SECONDS_BEFORE,
            "exp": now + VALID_SECONDS_AFTER,
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode(claims, self._key, algorithm=self._algorithm)
