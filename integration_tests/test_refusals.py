"""Who asks, what is asked of whom, what refuses, and what comes back in the place of rows."""

import gzip
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import jwt
import pytest

from integration_tests.command import CATALOG, STREAM, Outcome, configured, read, run
from integration_tests.in_process import check, sync
from integration_tests.kore_emulator import NOW, Emulator, Reading, generate_rows
from integration_tests.rsa_keys import PKCS1, PRIVATE_KEY
from integration_tests.scripted_server import Answer, ScriptedServer

BOT, OTHER = "st-alpha", "st-beta"
ROWS = generate_rows(BOT, NOW - timedelta(days=20), NOW - timedelta(minutes=5), 40, seed=5)
PAGE = json.dumps(ROWS[-1:]).encode()
HTML = b"<!DOCTYPE html><html><head><title>403 Forbidden</title></head><body>Request blocked</body></html>"
PER_MINUTE = b"You've exceeded the per-minute rate limit. Please try again later."
KEEPS_OUT = "a firewall or a proxy keeps this machine"


def envelope(message: str) -> bytes:
    return json.dumps({"errors": [{"msg": message, "code": 4002}]}).encode()


def whole(outcome: Outcome) -> None:
    assert outcome.errors == []
    assert (outcome.code, len(outcome.ids)) == (0, len(ROWS))


# Tokens and their keys


@pytest.mark.parametrize("ahead", [-90, 90])
@pytest.mark.parametrize("hour_from", ["iat", "now"])
def test_a_token_is_right_under_each_reading_of_one_hour(hour_from: Any, ahead: float) -> None:
    with Emulator({BOT: ROWS}, Reading(hour_from=hour_from, clock_ahead_seconds=ahead)) as emulator:
        whole(sync(emulator.config()))
        assert all(seen.status == 200 for seen in emulator.requests)


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


def test_a_config_as_people_and_programs_give_it_is_read() -> None:
    with Emulator({BOT: ROWS}) as emulator:
        plain = emulator.config()
        outcome = read(
            {
                **plain,
                "host": f" {plain['host']}/botbuilder/summary?x=1#top\n", "bot_ids": [f"\ufeff{BOT} ", "", None],
                "client_id": f"\u200b{plain['client_id']}\n", "client_secret": f"\u00a0{plain['client_secret']}\r\n",
                "channels": ["", " "], "task_id": "", "end_date": None, "page_size": "100", "jwt_algorithm": "",
                "jwt_subject": None, "lookback_minutes": "", "__checking": True,
            }
        )  # fmt: skip
        whole(outcome)
        bodies = [seen.body for seen in emulator.requests]
        assert all(isinstance(body["limit"], str) for body in bodies)
        assert max(int(body["limit"]) for body in bodies) == 100  # Questions ask for less.
        assert not any("taskId" in body or body.get("channel") == [] for body in bodies)


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


def test_gzip_that_no_header_tells_of_is_read() -> None:
    with ScriptedServer(page=gzip.compress(PAGE)) as server:
        assert len(sync(server.config()).ids) == 1


def refused(answer: Answer, *bots: str) -> str:
    """What a check tells where the first bot gets this answer, and the second an empty log."""
    with ScriptedServer(of_bot={BOT: answer}) as server:
        outcome = check(server.config(*(bots or (BOT, OTHER))))
    assert outcome.code == 1
    return outcome.told


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(401, gzip.compress(envelope("Permission denied. Scope is incorrect!"))), "lacks the scope"),
        (Answer(401, envelope("App is not active")), "lacks the scope"),
        (Answer(200, gzip.compress(PAGE)[:-9]), "the answer was cut off in the middle. Tried 2 times"),
        (Answer(403, HTML), f"an HTML page came in the place of the API's refusal (403): {KEEPS_OUT}"),
        (Answer(401, HTML), f"an HTML page came in the place of the API's refusal (401): {KEEPS_OUT}"),
        (Answer(403, b"IP address is not whitelisted"), "the address of this machine is not allowed. Have it added"),
        (Answer(403, envelope("Your IP 10.0.0.1 is not allowed")), "the address of this machine is not allowed."),
        (Answer(401, envelope("Requests from this IP are blocked")), "the address of this machine is not allowed."),
        (Answer(403, b"Forbidden"), "Or a firewall or an allow list"),
        (Answer(403, envelope("Access denied")), "Or a firewall or an allow list"),
    ],
)
def test_a_refusal_is_told_as_what_it_is(answer: Answer, said: str) -> None:
    """A firewall or an allow list is no missing scope; where nothing is said, it may be either."""
    told = refused(answer)
    assert said in told
    assert ("the app lacks the scope" in told) is ("scope" in said or said.startswith("Or "))
    assert "client_secret" not in told


@pytest.mark.parametrize("status", [400, 401, 404, 412])
@pytest.mark.parametrize("words", ["Bot not found", "Bot with id st-alpha does not exist", "Invalid bot"])
def test_a_bot_that_is_not_there_is_that_bot_and_not_the_host(status: int, words: str) -> None:
    for body in (envelope(words), words.encode()):
        told = refused(Answer(status, body))
        assert told.startswith(f"Bot {BOT}: Kore.ai does not know this bot. Check Bot IDs (`bot_ids`)")
        assert words in told
        assert "`host`" not in told


@pytest.mark.parametrize(
    ("answer", "suspected"),
    [
        (Answer(401, envelope("Invalid SDK credentials")), "`client_secret`"),
        (Answer(404, envelope("Resource not found")), "`host`"),
    ],
)
def test_neither_host_nor_credentials_are_suspected_where_another_bot_was_answered(
    answer: Answer, suspected: str
) -> None:
    assert suspected in refused(answer, BOT)
    with ScriptedServer(of_bot={BOT: answer}) as server:
        read_told = sync(server.config(BOT, OTHER)).told
    for told in (refused(answer), read_told):
        assert "other bots are answered" in told.lower()
        assert "Bot IDs (`bot_ids`)" in told
        assert not any(name in told for name in ("`client_secret`", "`client_id`", "`host`"))


# From which state


def state_at(cursor: str, bot: str = BOT) -> list[dict[str, Any]]:
    states = [{"partition": {"bot_id": bot}, "cursor": {"end_date": cursor}}]
    stream = {"stream_descriptor": {"name": STREAM}, "stream_state": {"states": states, "use_global_cursor": False}}
    return [{"type": "STREAM", "stream": stream}]


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


def test_a_cursor_ahead_of_now_is_read_from_now_minus_the_lookback() -> None:
    # The migration of a state goes by the clock of this machine, before any answer has told the server's.
    with Emulator({BOT: ROWS}, now=datetime.now(timezone.utc)) as emulator:
        outcome = read(emulator.config(lookback_minutes=5 * 24 * 60), state_at("2999-01-01T00:00:00.000Z"))
    assert outcome.log.count(f"The state of bot {BOT} ends in the future") == 1
    assert 0 < len(outcome.ids) < len(ROWS)
    assert outcome.cursors[BOT] < f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%S}"


def test_a_bot_that_is_no_longer_configured_stays_in_the_state_and_harms_nothing() -> None:
    reached = f"{NOW - timedelta(days=10):%Y-%m-%dT%H:%M:%S}.000Z"
    with Emulator({BOT: ROWS}) as emulator:
        outcome = sync(emulator.config(), state_at(reached, "st-gone"))
        assert {seen.bot_id for seen in emulator.requests} == {BOT}
    whole(outcome)
    assert outcome.cursors["st-gone"] == reached
