"""Each token is new, lives for minutes, and is signed with exactly the secret or the private key that was given."""

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from integration_tests.rsa_keys import ENCRYPTED, ENCRYPTED_PKCS1, OPENSSH, PKCS1, PRIVATE_KEY, PUBLIC_KEY, TOO_SHORT
from source_kore_llm_logs.components.authenticator import AUDIENCE, KoreJwtAuthenticator, signing_key

HOUR = 3600
EC_KEY = ec.generate_private_key(ec.SECP256R1())
EC_PKCS8, EC_SEC1 = (
    EC_KEY.private_bytes(Encoding.PEM, form, NoEncryption()).decode()
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL)
)


def authenticator(**config: Any) -> KoreJwtAuthenticator:
    return KoreJwtAuthenticator(config={"client_id": "12345", "client_secret": "s" * 64, **config}, parameters={})


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
@pytest.mark.parametrize("secret", ["123456", "1e5", "{{ config }}", "sécret-密"])
def test_a_token_is_signed_with_the_raw_secret(algorithm: str, secret: str) -> None:
    signed = authenticator(client_secret=secret, jwt_algorithm=algorithm)
    claims = [jwt.decode(signed.token, secret.encode(), algorithms=[algorithm], audience=AUDIENCE) for _ in range(2)]
    assert claims[0]["appId"] == claims[0]["sub"] == claims[0]["iss"] == "12345"
    assert claims[0]["jti"] != claims[1]["jti"]
    assert signed.auth_header == "auth"


@pytest.mark.parametrize("seconds_ahead", [-420, -60, 0, 60, 120])
def test_a_token_is_right_under_each_reading_of_an_hour_and_with_a_clock_that_is_minutes_off(
    seconds_ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + seconds_ahead)
    signed = authenticator().token
    monkeypatch.undo()
    # No leeway: whoever checks the token takes every claim by the second.
    claims = jwt.decode(signed, "s" * 64, algorithms=["HS256"], audience=AUDIENCE, leeway=0)
    assert claims["iat"] <= now < claims["exp"]
    assert claims["exp"] - claims["iat"] <= 600
    assert claims["exp"] - now <= HOUR - 60
    assert claims["exp"] - (now - 2 * 60) <= HOUR


@pytest.mark.parametrize("algorithm", ["RS256", "RS512"])
@pytest.mark.parametrize("pem", [PRIVATE_KEY, PKCS1, f"{PUBLIC_KEY}\n{PRIVATE_KEY}"])
@pytest.mark.parametrize("line_break", ["\n", "", " ", "\\n", "\\r\\n", "\r\n", "\n   ", "\u200b\n"])
def test_a_private_key_is_read_whatever_stands_for_its_line_breaks(algorithm: str, pem: str, line_break: str) -> None:
    signed = authenticator(client_secret=f'"{pem}"'.replace("\n", line_break), jwt_algorithm=algorithm).token
    assert jwt.decode(signed, PUBLIC_KEY, algorithms=[algorithm], audience=AUDIENCE)["appId"] == "12345"


@pytest.mark.parametrize(
    ("secret", "algorithm", "said"),
    [
        (ENCRYPTED, "RS256", "encrypted"),
        (ENCRYPTED_PKCS1, "RS256", "encrypted"),
        (ENCRYPTED_PKCS1.replace("\n", ""), "RS256", "encrypted"),
        (PUBLIC_KEY, "RS256", "whole RSA private key"),
        (TOO_SHORT, "RS256", "not an RSA key of 2048 bits or more"),
        (EC_PKCS8, "RS256", "not an RSA key"),
        (EC_SEC1, "RS512", "not an RSA key"),
        (OPENSSH, "RS256", "as PKCS#8 or PKCS#1"),
        (PRIVATE_KEY[:800], "RS256", "whole RSA private key"),
        (PRIVATE_KEY[:600] + PRIVATE_KEY[700:], "RS256", "cannot be read"),
        ("a-shared-secret", "RS256", "whole RSA private key"),
        (PRIVATE_KEY, "HS256", "choose RS256 or RS512"),
        (PRIVATE_KEY.replace("\n", ""), "HS512", "choose RS256 or RS512"),
        ("ssh-rsa AAAAB3NzaC1yc2E", "HS256", "cannot be used with HS256"),
    ],
)
def test_a_secret_that_does_not_fit_is_told_without_a_word_of_it(secret: str, algorithm: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as raised:
        signing_key(secret, algorithm)
    assert not any(line in str(raised.value) for line in secret.splitlines() if line and not line.startswith("-----"))
    assert raised.value.__cause__ is None
