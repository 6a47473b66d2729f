"""Who asks, what is asked of whom, and what comes back in the place of rows: told by the real command line."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import jwt
import pytest

from integration_tests.command import CATALOG, STREAM, Outcome, configured, read, run
from integration_tests.kore_emulator import NOW, Emulator, Reading, generate_rows
from integration_tests.rsa_keys import PKCS1, PRIVATE_KEY
from integration_tests.scripted_server import Answer, ScriptedServer

BOT = "st-alpha"
ROWS = generate_rows(BOT, NOW - timedelta(days=20), NOW - timedelta(minutes=5), 40, seed=5)
SECRET = "a-secret-of-the-app-in-this-test-long-enough-for-every-algorithm-of-it"
PER_MINUTE = b"You've exceeded the per-minute rate limit. Please try again later."


def config_for(server: ScriptedServer, **changes: Any) -> dict[str, Any]:
    """Reads one short period of one bot."""
    day = NOW - timedelta(days=3)
    return {
        "host": f"http://{server.address}", "bot_ids": [BOT], "client_id": "cs-1", "client_secret": SECRET,
        "start_date": f"{day:%Y-%m-%d}", **changes,
    }  # fmt: skip


def told(outcome: Outcome) -> str:
    """What a person is told: the status of a check, the errors of a read."""
    statuses = [message["connectionStatus"].get("message", "") for message in outcome.of_type("CONNECTION_STATUS")]
    return "\n".join([*statuses, *(error["message"] for error in outcome.errors)])


def claims_of(server: ScriptedServer) -> list[dict[str, Any]]:
    return [jwt.decode(headers["auth"], options={"verify_signature": False}) for _, _, headers in server.asked]


@pytest.mark.parametrize(
    "reading",
    [
        Reading(hour_from="iat"),
        Reading(hour_from="now", clock_ahead_seconds=-90),
        Reading(hour_from="now", clock_ahead_seconds=90),
    ],
)
def test_a_token_is_right_under_each_reading_of_one_hour(reading: Reading) -> None:
    with Emulator({BOT: ROWS}, reading) as emulator:
        outcome = read(emulator.config())
        assert (outcome.code, len(outcome.ids)) == (0, len(ROWS))
        assert all(seen.status == 200 for seen in emulator.requests)


@pytest.mark.parametrize(("ahead", "said"), [(4000, "1 h 7 min behind"), (-8000, "2 h 13 min ahead of")])
def test_a_clock_that_is_wrong_is_told_with_how_far_it_is_off(ahead: int, said: str) -> None:
    words = b'error verifying the jwt: if "jti" claim "exp" must be <= 1 hour(s)'
    with ScriptedServer([Answer(401, words, clock_ahead=ahead)]) as server:
        outcome = run("check", config=config_for(server))
    assert outcome.code == 1
    assert f"The clock of this machine is {said} that of Kore.ai: set it right" in told(outcome)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(PRIVATE_KEY, "RS256"), (PKCS1.replace("\n", ""), "RS512"), (PRIVATE_KEY.replace("\n", "\\n"), "RS256")],
)
def test_an_app_with_an_rsa_key_is_read(key: str, algorithm: str) -> None:
    with Emulator({BOT: ROWS}, client_secret=PRIVATE_KEY) as emulator:
        outcome = read(emulator.config(client_secret=key, jwt_algorithm=algorithm))
        assert (outcome.code, len(outcome.ids)) == (0, len(ROWS))
        assert {jwt.get_unverified_header(seen.headers["Auth"])["alg"] for seen in emulator.requests} == {algorithm}
    assert not any(line in outcome.stdout + outcome.stderr for line in PRIVATE_KEY.splitlines()[1:-1])


@pytest.mark.parametrize("status", [302, 307, 308])
def test_the_target_of_a_redirect_sees_no_request_and_is_named(status: int) -> None:
    with ScriptedServer() as target:
        location = f"http://{target.address}/api?secret=1"
        with ScriptedServer([Answer(status, b"", {"Location": location})]) as server:
            outcome = run("check", config=config_for(server))
    assert outcome.code == 1
    assert target.asked == []
    assert f"sends the request on to {target.address} (status {status})" in told(outcome)
    assert "enter it as Host (`host`)" in told(outcome)
    assert "secret=1" not in outcome.stdout + outcome.stderr


@pytest.mark.parametrize(
    ("answer", "in_the_log"),
    [
        (Answer(400, PER_MINUTE, {"Retry-After": "1"}), "rate limit reached (You've exceeded the per-minute"),
        (Answer(200, PER_MINUTE, {"Retry-After": "1"}), "rate limit reached (You've exceeded the per-minute"),
        (Answer(401, b"error verifying the jwt: possibly a replay"), "used before"),
        (Answer(200, b"<html><body>Sign in</body></html>"), "an HTML page instead of rows"),
        (Answer(200, b'{"errors":[{"msg":"Internal server error","code":5000}]}'), "Internal server error"),
        (Answer(200, b""), "an empty body instead of rows"),
    ],
)
def test_what_passes_is_waited_for_and_asked_again_with_a_fresh_token(answer: Answer, in_the_log: str) -> None:
    rows = json.dumps(ROWS[-1:]).encode()
    with ScriptedServer([answer, answer], page=rows) as server:
        outcome = read(config_for(server))
        claims = claims_of(server)
    assert (outcome.code, len(outcome.ids)) == (0, 1)
    assert in_the_log in outcome.log
    assert len({claim["jti"] for claim in claims}) == len(claims) > 3
    assert all(claim["exp"] - claim["iat"] <= 600 for claim in claims)


def test_rows_under_hits_are_rows() -> None:
    with ScriptedServer(page=json.dumps({"hits": ROWS[-1:], "total": 1}).encode()) as server:
        outcome = read(config_for(server))
    assert (outcome.code, len(outcome.ids)) == (0, 1)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"errors":[{"msg":"Permission denied. Scope is incorrect!"}]}', "the app lacks the scope"),
        (b'{"key": "c2VjcmV0", "payload": "c2VjcmV0"}', "enforces encrypted payloads"),
    ],
)
def test_a_200_that_a_person_must_mend_is_told_at_once(body: bytes, said: str) -> None:
    with ScriptedServer([Answer(body=body)] * 9) as server:
        outcome = read(config_for(server))
        assert len(server.asked) == 1
    assert outcome.code == 1
    assert said in told(outcome)
    assert "c2VjcmV0" not in outcome.stdout + outcome.stderr


def test_six_waits_and_then_a_fault_are_one_fault() -> None:
    script = [Answer(429, b"", {"Retry-After": "0"})] * 6 + [Answer(503, b"")] * 2
    with ScriptedServer(script) as server:
        assert read(config_for(server)).code == 0
        assert len(server.asked) > len(script)


def test_a_proxy_that_asks_for_a_password_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer([Answer(407, b"")] * 9) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:hidden@{proxy.address}")
        monkeypatch.delenv("https_proxy", raising=False)
        outcome = run("check", config=config_for(proxy, host="kore.example.com"))
        assert {method for method, _, _ in proxy.asked} == {"CONNECT"}
    assert outcome.code == 1
    assert f"The proxy {proxy.address} (environment variable HTTPS_PROXY) asks for a user name" in told(outcome)
    assert "hidden" not in outcome.stdout + outcome.stderr


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("REQUESTS_CA_BUNDLE", "/no/such/file.pem", "REQUESTS_CA_BUNDLE=/no/such/file.pem names no file"),
        ("HTTPS_PROXY", "socks5://127.0.0.1:9", "The proxy 127.0.0.1:9 (environment variable HTTPS_PROXY) is a SOCKS"),
        ("HTTPS_PROXY", "http://127.0.0.1:9", "through the proxy 127.0.0.1:9 (environment variable HTTPS_PROXY)"),
        ("HTTPS_PROXY", "http://", "(environment variable HTTPS_PROXY) cannot be used"),
    ],
)
@pytest.mark.parametrize("name", ["check", "read"])
def test_what_is_wrong_with_the_environment_is_told_by_the_name_of_its_variable(
    name: str, variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "read" and value.endswith("1:9") and "socks" not in value:
        pytest.skip("a connection that is refused is tried seven times: `check` shows the sentence")
    monkeypatch.setenv(variable, value)
    documents = {"catalog": CATALOG} if name == "read" else {}
    with ScriptedServer() as server:
        outcome = run(name, config=config_for(server, host="127.0.0.1:9"), **documents)
    assert outcome.code == 1
    assert said in told(outcome)
    assert "Something went wrong" not in outcome.stdout
    assert "Traceback" not in outcome.stdout + outcome.stderr


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
        assert (outcome.code, len(outcome.ids)) == (0, len(ROWS))
        bodies = [seen.body for seen in emulator.requests]
        assert all(isinstance(body["limit"], str) for body in bodies)
        assert max(int(body["limit"]) for body in bodies) == 100  # Questions ask for less.
        assert not any("taskId" in body or body.get("channel") == [] for body in bodies)


def state_at(cursor: Any) -> list[dict[str, Any]]:
    states = [{"partition": {"bot_id": BOT}, "cursor": {"end_date": cursor}}]
    stream = {"stream_descriptor": {"name": STREAM}, "stream_state": {"states": states, "use_global_cursor": False}}
    return [{"type": "STREAM", "stream": stream}]


def ends() -> list[datetime]:
    return sorted(datetime.fromisoformat(str(row["End Date"]).replace("Z", "+00:00")) for row in ROWS)


def test_a_cursor_with_an_offset_means_its_instant() -> None:
    middle = ends()[20]
    east = middle.astimezone(timezone(timedelta(hours=5, minutes=30)))
    with Emulator({BOT: ROWS}) as emulator:
        outcome = read(emulator.config(lookback_minutes=0), state_at(east.isoformat(timespec="milliseconds")))
    assert outcome.code == 0
    assert len(outcome.ids) == sum(end >= middle for end in ends())


def test_a_cursor_ahead_of_now_is_told_and_read_from_now_minus_the_lookback() -> None:
    # The migration of a state goes by the clock of this machine, before any answer has told the server's.
    with Emulator({BOT: ROWS}, now=datetime.now(timezone.utc)) as emulator:
        config = emulator.config(lookback_minutes=5 * 24 * 60)
        outcome = read(config, state_at("2999-01-01T00:00:00.000Z"))
    assert outcome.code == 0
    assert f"The state of bots {BOT} ends in the future" in outcome.log
    assert len(outcome.ids) == sum(end >= datetime.now(timezone.utc) - timedelta(days=5) for end in ends())
    assert outcome.cursors[BOT] < f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%S}"


def test_a_cursor_that_is_no_date_is_one_sentence_that_names_the_bot() -> None:
    with Emulator({BOT: ROWS}) as emulator:
        outcome = read(emulator.config(), state_at("soon"))
        assert emulator.requests == []
    assert outcome.code == 1
    assert told(outcome).startswith(f"The state of bot {BOT} has no `end_date` that is a date")


def global_state_at(cursor: str) -> list[dict[str, Any]]:
    (state,) = state_at(cursor)
    return [{"type": "GLOBAL", "global": {"shared_state": {}, "stream_states": [state["stream"]]}}]


@pytest.mark.parametrize("state", [state_at, global_state_at])
def test_a_full_refresh_with_a_state_of_either_type_reads_everything(state: Any) -> None:
    catalog = configured(CATALOG["streams"][0]["stream"], "full_refresh")
    with Emulator({BOT: ROWS}) as emulator:
        outcome = run("read", config=emulator.config(), catalog=catalog, state=state(f"{NOW:%Y-%m-%dT%H:%M:%SZ}"))
    assert (outcome.code, len(outcome.ids)) == (0, len(ROWS))


def test_a_global_state_is_gone_on_from() -> None:
    middle = ends()[20]
    with Emulator({BOT: ROWS}) as emulator:
        outcome = read(emulator.config(lookback_minutes=0), global_state_at(middle.isoformat()))
    assert (outcome.code, len(outcome.ids)) == (0, sum(end >= middle for end in ends()))


def test_a_bot_that_is_no_longer_configured_stays_in_the_state_and_harms_nothing() -> None:
    state = state_at("2025-01-01T00:00:00.000Z")
    reached = f"{NOW - timedelta(days=10):%Y-%m-%dT%H:%M:%S}.000Z"
    gone = {"partition": {"bot_id": "st-gone"}, "cursor": {"end_date": reached}}
    state[0]["stream"]["stream_state"]["states"].append(gone)
    with Emulator({BOT: ROWS}) as emulator:
        outcome = read(emulator.config(), state)
        assert {seen.bot_id for seen in emulator.requests} == {BOT}
    assert (outcome.code, len(outcome.ids)) == (0, len(ROWS))
    assert outcome.cursors["st-gone"] == reached


def test_what_kore_ai_may_no_longer_have_is_told_once_a_sync() -> None:
    with Emulator({BOT: ROWS, "st-beta": []}) as emulator:
        outcome = read(emulator.config(start_date="2024-01-01", window_days=90, requests_per_minute=10_000))
    assert outcome.code == 0
    assert outcome.log.count("365 days") == 1
    assert "Calls since 2024-01-01 are asked for" in outcome.log
