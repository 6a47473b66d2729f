"""A fresh JWT for every request, retries included: a `jti` is accepted once, and a token lives for minutes [D]. It is
signed with the secret of the app, or with an RSA algorithm its private key."""

import re
import textwrap
import time
import uuid
import warnings
from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import Any

import jwt
from airbyte_cdk.sources.declarative.auth.declarative_authenticator import DeclarativeAuthenticator
from airbyte_cdk.sources.types import Config
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

# The length of the secret is the vendor's choice, and not the operator's to mend.
warnings.filterwarnings("ignore", message="The HMAC key is", module=r"jwt|source_kore_llm_logs")

AUDIENCE = "https://idproxy.kore.ai/authorize"
VALID_SECONDS_BEFORE, VALID_SECONDS_AFTER = 120, 480
"""A token is dated back and ends after so many seconds. `exp` may be at most an hour away [D], it is not said from
what: ten minutes are right under each reading, with a clock that runs two minutes ahead or eight behind, too."""
SHORTEST_RSA_KEY = 2048  # Bits. RFC 7518 asks for no less.
PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----(.*?)-----END \1-----", re.S)


@dataclass
class KoreJwtAuthenticator(DeclarativeAuthenticator):
    """Signs the header `auth`. Thread-safe. Raises ValueError as `signing_key` does.

    `appId` and `sub` are required [D]; the other claims are what a real client of this endpoint sends [C]. Secret and
    ids are read from the config as they are: interpolation would turn a secret of digits into a number.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._algorithm = str(self.config.get("jwt_algorithm") or "HS256")
        self._key = signing_key(str(self.config["client_secret"]), self._algorithm)
        client = str(self.config["client_id"])
        subject, audience = self.config.get("jwt_subject") or client, self.config.get("jwt_audience") or AUDIENCE
        self._claims = {"appId": client, "sub": str(subject), "iss": client, "aud": str(audience)}

    @property
    def auth_header(self) -> str:
        return "auth"

    @property
    def token(self) -> str:
        """A new token: no two calls return the same one."""
        now = int(time.time())
        times = {"iat": now - VALID_SECONDS_BEFORE, "exp": now + VALID_SECONDS_AFTER}
        return jwt.encode({**self._claims, **times, "jti": str(uuid.uuid4())}, self._key, algorithm=self._algorithm)


def signing_key(secret: str, algorithm: str) -> bytes | RSAPrivateKey:
    """The key for one of HS256, HS512, RS256, RS512 [D]. Raises ValueError if the secret does not fit the algorithm:
    its text follows the name of the field, and holds nothing of the secret."""
    if not algorithm.startswith("RS") and "-----BEGIN " in secret:
        raise ValueError(f"holds a PEM key, which {algorithm} does not use: choose RS256 or RS512, or enter the secret")
    key = _private_key(secret) if algorithm.startswith("RS") else secret.encode()
    try:
        jwt.encode({}, key, algorithm=algorithm)
    except jwt.PyJWTError:
        raise ValueError(f"cannot be used with {algorithm}") from None
    return key


def _private_key(secret: str) -> RSAPrivateKey:
    """A form's field of one line swallows the line breaks of a PEM file, a template turns them into `\\n`: the key is
    put together again from what lies between its first and its last line."""
    found = PEM.search(secret.replace("\\r", "").replace("\\n", "\n"))
    if found is None:
        whole = "from -----BEGIN PRIVATE KEY----- to -----END PRIVATE KEY-----"
        raise ValueError(f"must hold the whole RSA private key, {whole}")
    if "ENCRYPTED" in found[0]:
        raise ValueError("holds a private key that is encrypted: enter it without a passphrase")
    body = textwrap.wrap(re.sub(r"[^A-Za-z0-9+/=]", "", found[2]), 64)
    pem = "\n".join([f"-----BEGIN {found[1]}-----", *body, f"-----END {found[1]}-----", ""])
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("holds a private key that cannot be read: copy all of it again, as PKCS#8 or PKCS#1") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < SHORTEST_RSA_KEY:
        raise ValueError(f"holds a private key that is not an RSA key of {SHORTEST_RSA_KEY} bits or more")
    return key
