"""What a token is signed with: the secret of the app, or with an RSA algorithm its private key.

A form's field of one line swallows the line breaks of a PEM file, a shell or a template turns them into `\\n`; so the
key is put together again from what lies between its first and its last line.
"""

import re
import textwrap
import warnings

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

# The length of the secret is the vendor's choice, and not the operator's to mend.
warnings.filterwarnings("ignore", message="The HMAC key is", module=r"jwt|source_kore_llm_logs")

SHORTEST_RSA_KEY = 2048
"""Bits. RFC 7518 asks for no less."""
PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.S)


def signing_key(secret: str, algorithm: str) -> bytes | RSAPrivateKey:
    """The key for one of HS256, HS512, RS256, RS512 [D].

    Raises ValueError if the secret does not fit the algorithm. Its text says why in words that follow the name of the
    field, and holds nothing of the secret.
    """
    key = _private_key(secret) if algorithm.startswith("RS") else _shared_secret(secret, algorithm)
    try:
        jwt.encode({}, key, algorithm=algorithm)
    except jwt.PyJWTError:
        raise ValueError(f"cannot be used with {algorithm}") from None
    return key


def _shared_secret(secret: str, algorithm: str) -> bytes:
    if "-----BEGIN " in secret:
        raise ValueError(f"holds a PEM key, which {algorithm} does not use: choose RS256 or RS512, or enter the secret")
    return secret.encode()


def _private_key(secret: str) -> RSAPrivateKey:
    blocks = dict(PEM.findall(secret.replace("\\r", "").replace("\\n", "\n")))
    label = next((name for name in blocks if name.endswith("PRIVATE KEY")), None)
    if label is None:
        if any("PUBLIC KEY" in name or "CERTIFICATE" in name for name in blocks):
            raise ValueError("holds a public key: enter the private key that belongs to it")
        raise ValueError(
            "must hold the whole RSA private key, from -----BEGIN PRIVATE KEY----- to -----END PRIVATE KEY-----"
        )
    if "ENCRYPTED" in label or "ENCRYPTED" in blocks[label]:
        raise ValueError("holds a private key that is encrypted: enter it without a passphrase")
    if label == "OPENSSH PRIVATE KEY":
        raise ValueError("holds a private key in OpenSSH's own form: enter it as PKCS#8 or PKCS#1")
    body = re.sub(r"[^A-Za-z0-9+/=]", "", blocks[label])
    pem = "\n".join([f"-----BEGIN {label}-----", *textwrap.wrap(body, 64), f"-----END {label}-----", ""])
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("holds a private key that cannot be read: copy the whole of it again") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("holds a private key that is not an RSA key, which RS256 and RS512 need")
    if key.key_size < SHORTEST_RSA_KEY:
        raise ValueError(f"holds an RSA key of {key.key_size} bits, which is too short: {SHORTEST_RSA_KEY} are needed")
    return key
