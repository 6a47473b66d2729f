"""Who asks, what is asked of whom, what refuses, and what comes back in the place of rows."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import jwt
import pytest

from integration_tests.command import CATALOG, Outcome, configured, read, run, state_at
from integration_tests.in_process import check, sync
from integration_tests.kore_emulator import NOW, Emulator, generate_rows
from integration_tests.rsa_keys import PKCS1, PRIVATE_KEY
from integration_tests.scripted_server import Answer, ScriptedServer

BOT = "st-alpha"
ROWS = generate_rows(BOT, NOW - timedelta(days=20), NOW - timedelta(minutes=5), 40, seed=5)
PAGE = json.dumps(ROWS[-1:]).encode()
HTML = b"<!DOCTYPE html><html><head><title>403 Forbidden</title></head><body>Request blocked</body></html>"
PER_MINUTE = b"You've exceeded the per-minute rate limit. Please try again later."


def whole(outcome: Outcome) -> None:
    assert outcome.errors == []
    assert (outcome.code, len(outcome.ids)) == (0, len(ROWS))


# Tokens and their keys


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(PRIVATE_KEY, "RS256"), (PKCS1.replace("\n", ""), "RS512"), (PRIVATE_KEY.replace("\n", "\\n"), "RS256")],
)
def test_an_app_with_an_rsa_key_is_read(key: str, algorithm: str) -> None:
    with Emulator({BOT: ROWS}, client_secret=PRIVATE_KEY) as emulator:
        outcome = read(emulator.config(client_secret=key, jwt_algorithm=algorithm))
        whole(outcome)
        assert {jwt.get_unverified_header(seen.headers["Auth"])["alg"] for seen in emulator.requests} == {algorithm}
    assert not any(line in outcome.stdout + outcome.stderr for line in PRIVATE_KEY.splitlines()[1:-1])


# What is asked of whom


@pytest.mark.parametrize("status", [302, 307, 308])
def test_the_target_of_a_redirect_sees_no_request_and_is_named(status: int) -> None:
    with ScriptedServer() as target:
        location = f"http://{target.address}/api?secret=1"
        with ScriptedServer([Answer(status, b"", {"Location": location})]) as server:
            told = check(server.config()).told
    assert target.asked == []
    assert f"sends the request on to {target.address} (status {status})" in told
    assert "secret=1" not in told


def test_no_cookie_is_kept() -> None:
    cookie = Answer(body=PAGE, headers={"Set-Cookie": "session=1; Path=/"})
    with ScriptedServer([cookie] * 3) as server:
        assert sync(server.config()).code == 0
        assert len(server.asked) > 3
        assert not any("Cookie" in headers for _, _, headers in server.asked)


# What comes in the place of rows


@pytest.mark.parametrize(
    ("answer", "in_the_log"),
    [
        (Answer(400, PER_MINUTE, {"Retry-After": "1"}), "rate limit reached (You've exceeded the per-minute"),
        (Answer(401, b"error verifying the jwt: possibly a replay"), "used before"),
        (Answer(200, HTML), "an HTML page instead of rows"),
    ],
)
def test_what_passes_is_waited_for_and_asked_again_with_a_fresh_token(answer: Answer, in_the_log: str) -> None:
    with ScriptedServer([answer, answer], page=PAGE) as server:
        outcome = read(server.config())
        claims = [jwt.decode(headers["auth"], options={"verify_signature": False}) for _, _, headers in server.asked]
    assert (outcome.code, len(outcome.ids)) == (0, 1)
    assert in_the_log in outcome.log
    assert len({claim["jti"] for claim in claims}) == len(claims) > 3
    assert all(claim["exp"] - claim["iat"] <= 600 for claim in claims)


# From which state


def global_state_at(cursor: str) -> list[dict[str, Any]]:
    return [{"type": "GLOBAL", "global": {"shared_state": {}, "stream_states": [state_at(cursor)[0]["stream"]]}}]


@pytest.mark.parametrize("state", [state_at, global_state_at])
def test_a_state_of_either_type_is_gone_on_from_and_a_full_refresh_reads_everything(state: Any) -> None:
    ends = sorted(datetime.fromisoformat(str(row["End Date"]).replace("Z", "+00:00")) for row in ROWS)
    east = ends[20].astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat(timespec="milliseconds")
    with Emulator({BOT: ROWS}) as emulator:
        rest = read(emulator.config(lookback_minutes=0), state(east))
        catalog = configured(CATALOG["streams"][0]["stream"], "full_refresh")
        refreshed = run("read", config=emulator.config(), catalog=catalog, state=state("2999-01-01"))
    whole(refreshed)
    assert "ends in the future" not in refreshed.log
    assert len(rest.ids) == sum(end >= ends[20] for end in ends)
