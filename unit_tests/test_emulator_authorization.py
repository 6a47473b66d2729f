"""The emulator takes tokens as the platform does, under each reading of "at most one hour"."""

import time
import uuid
from typing import Any

import jwt
import pytest

from integration_tests.kore_emulator import Reading
from integration_tests.kore_emulator.authorization import Authorization
from integration_tests.kore_emulator.simulation import Refusal
from integration_tests.rsa_keys import PRIVATE_KEY

SECRET = "s" * 64


def refusal(reading: Reading, secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> Refusal | None:
    now = int(time.time())
    base = {"appId": "cs-1", "sub": "x", "jti": str(uuid.uuid4()), "iat": now - 120, "exp": now + 480}
    try:
        Authorization("cs-1", secret).check(jwt.encode({**base, **claims}, secret, algorithm=algorithm), reading)
    except Refusal as refused:
        return refused
    return None


@pytest.mark.parametrize("clock_ahead_seconds", [-60, 0, 60, 420])
@pytest.mark.parametrize("hour_from", ["iat", "now"])
def test_a_token_of_ten_minutes_is_taken_under_each_reading(hour_from: Any, clock_ahead_seconds: float) -> None:
    assert refusal(Reading(hour_from=hour_from, clock_ahead_seconds=clock_ahead_seconds)) is None


@pytest.mark.parametrize(
    ("reading", "before", "after"),
    [
        (Reading(hour_from="iat"), 60, 3600),
        (Reading(hour_from="now"), 0, 3660),
        (Reading(hour_from="now", clock_ahead_seconds=-120), 120, 3600),
    ],
)
def test_a_token_of_more_than_an_hour_is_refused_in_the_platforms_words(
    reading: Reading, before: int, after: int
) -> None:
    now = int(time.time())
    refused = refusal(reading, iat=now - before, exp=now + after)
    assert refused is not None
    assert str(refused) == 'error verifying the jwt: if "jti" claim "exp" must be <= 1 hour(s)'


def test_an_hour_counts_only_with_a_jti_and_a_token_of_another_time_is_refused() -> None:
    now = int(time.time())
    assert refusal(Reading(reject_reused_jti=False), exp=now + 9000) is not None
    claims = {"appId": "cs-1", "sub": "x", "exp": now + 9000}
    Authorization("cs-1", SECRET).check(jwt.encode(claims, SECRET), Reading(reject_reused_jti=False))
    assert "credentials" in str(refusal(Reading(clock_ahead_seconds=3600)))
    assert "not active" in str(refusal(Reading(clock_ahead_seconds=-3600), exp=now))


@pytest.mark.parametrize(
    ("secret", "algorithm", "is_taken"),
    [(SECRET, "HS512", True), (SECRET, "HS384", False), (PRIVATE_KEY, "RS256", True), (PRIVATE_KEY, "RS384", False)],
)
def test_only_the_documented_algorithms_are_taken(secret: str, algorithm: str, is_taken: bool) -> None:
    assert (refusal(Reading(), secret, algorithm) is None) == is_taken
