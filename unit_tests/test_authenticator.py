"""Each token is new, and is signed with exactly the secret that was typed."""

import time

import jwt
import pytest

from source_kore_llm_logs.components.authenticator import AUDIENCE, KoreJwtAuthenticator


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
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


@pytest.mark.parametrize("seconds", [-60, 0, 60])
def test_a_clock_that_is_a_minute_off_does_no_harm(seconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + seconds)
    token = KoreJwtAuthenticator(config={"client_id": "cs-1", "client_secret": "s" * 32}, parameters={}).token
    monkeypatch.undo()
    # No leeway: whoever checks the token takes every claim by the second.
    claims = jwt.decode(token, "s" * 32, algorithms=["HS256"], audience=AUDIENCE, leeway=0)
    assert claims["iat"] <= now
    assert claims["exp"] >= now + 3500
