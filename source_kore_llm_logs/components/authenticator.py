"""Signs a fresh JWT for every request, retries included: a `jti` is accepted once, and a token lives for minutes [D].
The key is the app's client secret, or, with an RSA algorithm, its private key."""

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

# The vendor chooses the length of the secret; the operator cannot change it.
warnings.filterwarnings("ignore", message="The HMAC key is", module=r"jwt|source_kore_llm_logs")

AUDIENCE = "https://idproxy.kore.ai/authorize"
VALID_SECONDS_BEFORE, VALID_SECONDS_AFTER = 120, 480
"""Seconds from `iat` to now, and from now to `exp`. `exp` may be at most an hour away [D], from `iat` or from now: ten
minutes are valid either way, even if this machine's clock is two minutes ahead or eight behind."""
SHORTEST_RSA_KEY = 2048  # Bits, as RFC 7518 requires.
PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----(.*?)-----END \1-----", re.S)


@dataclass
class KoreJwtAuthenticator(DeclarativeAuthenticator):
    """Sets the header `auth`. Thread-safe. Raises ValueError as `signing_key` does. `appId` and `sub` are required [D];
    a real client sends the other claims, too [C]. The config is not interpolated: a secret of digits must stay text."""

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
        """A new token at each access."""
        now = int(time.time())
        times = {"iat": now - VALID_SECONDS_BEFORE, "exp": now + VALID_SECONDS_AFTER}
        return jwt.encode({**self._claims, **times, "jti": str(uuid.uuid4())}, self._key, algorithm=self._algorithm)


def signing_key(secret: str, algorithm: str) -> bytes | RSAPrivateKey:
    """The key for HS256, HS512, RS256 or RS512 [D]. Raises ValueError if the secret does not fit the algorithm. Its
    text continues a sentence that begins with the field's name, and contains nothing of the secret."""
    if not algorithm.startswith("RS") and "-----BEGIN " in secret:
        raise ValueError(f"holds a PEM key, which {algorithm} does not use: choose RS256 or RS512, or enter the secret")
    key = _private_key(secret) if algorithm.startswith("RS") else secret.encode()
    try:
        jwt.encode({}, key, algorithm=algorithm)
    except jwt.PyJWTError:
        raise ValueError(f"cannot be used with {algorithm}") from None
    return key


def _private_key(secret: str) -> RSAPrivateKey:
    """The key of a PEM text whose line breaks may be lost (a form's single-line field) or escaped (a template)."""
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
