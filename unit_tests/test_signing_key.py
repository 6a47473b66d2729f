"""A private key is read however it was pasted; what is none is told in words that hold nothing of it."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from integration_tests.rsa_keys import (
    ENCRYPTED,
    ENCRYPTED_PKCS1,
    OPENSSH,
    PKCS1,
    PRIVATE_KEY,
    PUBLIC_KEY,
    TOO_SHORT,
)
from source_kore_llm_logs.api.signing_key import signing_key

EC_KEY = ec.generate_private_key(ec.SECP256R1())
EC_PKCS8, EC_SEC1 = (
    EC_KEY.private_bytes(Encoding.PEM, form, NoEncryption()).decode()
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL)
)


@pytest.mark.parametrize("pem", [PRIVATE_KEY, PKCS1])
@pytest.mark.parametrize("line_break", ["\n", "", " ", "\\n", "\\r\\n", "\r\n", "\n   ", "\u200b\n"])
def test_a_private_key_is_read_with_whatever_stands_for_its_line_breaks(pem: str, line_break: str) -> None:
    pasted = f'"{pem}"'.replace("\n", line_break)
    signed = jwt.encode({"sub": "x"}, signing_key(pasted, "RS512"), algorithm="RS512")
    assert jwt.decode(signed, PUBLIC_KEY, algorithms=["RS512"]) == {"sub": "x"}


def test_a_private_key_beside_its_certificate_is_found() -> None:
    assert signing_key(f"{PUBLIC_KEY}\n{PRIVATE_KEY}", "RS256")


@pytest.mark.parametrize(
    ("secret", "algorithm", "said"),
    [
        (ENCRYPTED, "RS256", "encrypted"),
        (ENCRYPTED_PKCS1, "RS256", "encrypted"),
        (ENCRYPTED_PKCS1.replace("\n", ""), "RS256", "encrypted"),
        (TOO_SHORT, "RS256", "1024 bits, which is too short"),
        (PUBLIC_KEY, "RS256", "public key"),
        (EC_PKCS8, "RS256", "not an RSA key"),
        (EC_SEC1, "RS512", "not an RSA key"),
        (OPENSSH, "RS256", "OpenSSH"),
        (PRIVATE_KEY[:800], "RS256", "whole RSA private key"),
        (PRIVATE_KEY[:600] + PRIVATE_KEY[700:], "RS256", "cannot be read"),
        ("a-shared-secret", "RS256", "whole RSA private key"),
        (PRIVATE_KEY, "HS256", "choose RS256 or RS512"),
        (PRIVATE_KEY.replace("\n", ""), "HS512", "choose RS256 or RS512"),
        ("ssh-rsa AAAAB3NzaC1yc2E", "HS256", "cannot be used with HS256"),
    ],
)
def test_a_secret_that_does_not_fit_is_told_in_words_that_hold_nothing_of_it(
    secret: str, algorithm: str, said: str
) -> None:
    with pytest.raises(ValueError, match=said) as raised:
        signing_key(secret, algorithm)
    assert not any(line in str(raised.value) for line in secret.splitlines() if line and not line.startswith("-----"))
    assert raised.value.__cause__ is None
