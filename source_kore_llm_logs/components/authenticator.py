"""A fresh JWT for every request: an app may accept each `jti` only once, so retries are signed anew."""

import time
import uuid
import warnings
from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import Any

import jwt
from airbyte_cdk.sources.declarative.auth.declarative_authenticator import DeclarativeAuthenticator
from airbyte_cdk.sources.types import Config

# The length of the secret is the vendor's choice, and not the operator's to mend.
warnings.filterwarnings("ignore", message="The HMAC key is", module=r"jwt|source_kore_llm_logs")

AUDIENCE = "https://idproxy.kore.ai/authorize"
LIFETIME_SECONDS = 3600
CLOCK_SKEW_SECONDS = 60
"""A token is dated this far back, so that a clock that runs ahead does not make it "not yet valid"."""


@dataclass
class KoreJwtAuthenticator(DeclarativeAuthenticator):
    """Signs `{appId, sub, iss, aud, iat, exp, jti}` into the header `auth`.

    `appId` and `sub` are required [D]; the other claims are what a real client of this endpoint sends [C].
    The secret and the ids are read from the config as they are: interpolation would turn a secret of
    digits into a number.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._client_id = str(self.config["client_id"])
        self._secret = str(self.config["client_secret"]).encode()
        self._algorithm = str(self.config.get("jwt_algorithm") or "HS256")
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
            "iat": now - CLOCK_SKEW_SECONDS,
            "exp": now + LIFETIME_SECONDS,
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode(claims, self._secret, algorithm=self._algorithm)
