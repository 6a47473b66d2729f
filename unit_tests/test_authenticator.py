"""Each token is new, lives for minutes, and is signed with exactly the secret that was given."""

import time
from typing import Any

import jwt
import pytest

from integration_tests.rsa_keys import PRIVATE_KEY, PUBLIC_KEY
from source_kore_llm_logs.components.authenticator import AUDIENCE, KoreJwtAuthenticator

HOUR = 3600


def token(**config: Any) -> str:
    return KoreJwtAuthenticator(config={"client_id": "12345", "client_secret": "s" * 64, **config}, parameters={}).token


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
@pytest.mark.parametrize("secret", ["123456", "1e5", "{{ config }}", "sécret-密"])
def test_a_token_is_signed_with_the_raw_secret(algorithm: str, secret: str) -> None:
    config = {"client_id": "12345", "client_secret": secret, "jwt_algorithm": algorithm}
    authenticator = KoreJwtAuthenticator(config=config, parameters={})
    claims = [
        jwt.decode(authenticator.token, secret.encode(), algorithms=[algorithm], audience=AUDIENCE) for _ in range(2)
    ]
    assert claims[0]["appId"] == claims[0]["sub"] == claims[0]["iss"] == "12345"
    assert claims[0]["jti"] != claims[1]["jti"]
    assert authenticator.auth_header == "auth"


@pytest.mark.parametrize("algorithm", ["RS256", "RS512"])
def test_a_token_is_signed_with_the_private_key(algorithm: str) -> None:
    signed = token(client_secret=PRIVATE_KEY, jwt_algorithm=algorithm)
    assert jwt.decode(signed, PUBLIC_KEY, algorithms=[algorithm], audience=AUDIENCE)["appId"] == "12345"


@pytest.mark.parametrize("seconds_ahead", [-420, -60, 0, 60, 120])
def test_a_token_is_right_under_each_reading_of_an_hour_and_with_a_clock_that_is_minutes_off(
    seconds_ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + seconds_ahead)
    signed = token()
    monkeypatch.undo()
    # No leeway: whoever checks the token takes every claim by the second.
    claims = jwt.decode(signed, "s" * 64, algorithms=["HS256"], audience=AUDIENCE, leeway=0)
    assert claims["iat"] <= now < claims["exp"]
    assert claims["exp"] - claims["iat"] <= 600
    assert claims["exp"] - now <= HOUR - 60
    assert claims["exp"] - (now - 2 * 60) <= HOUR
