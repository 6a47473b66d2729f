"""The protocol's commands as a person or a platform runs them, against the emulator over real HTTP."""

import json
import random
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jwt
import pytest

from integration_tests.command import CATALOG, STREAM, Outcome, configured, options, read, run, started, state_at
from integration_tests.in_process import check, sync
from integration_tests.kore_emulator import NOW, Emulator, Reading, generate_rows
from integration_tests.kore_emulator.behaviour import DAY
from integration_tests.rsa_keys import PKCS1, PRIVATE_KEY
from integration_tests.scripted_server import Answer, ScriptedServer
from source_kore_llm_logs.records.record import to_record
from source_kore_llm_logs.records.timestamps import iso_to_ms, ms_to_iso

BOTS = ("st-alpha", "st-beta")
SECRET = "s3cret-of-the-test-app-that-is-long-enough-to-be-a-key-of-64-bytes-or-more"
ROWS = {
    bot: generate_rows(bot, NOW - timedelta(days=200), NOW - timedelta(minutes=5), 700, seed)
    for seed, bot in enumerate(BOTS)
}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(ROWS, Reading(largest_limit=100), client_secret=SECRET) as running:
        yield running


def truth(rows: dict[str, list[dict[str, Any]]] = ROWS) -> dict[str, dict[str, Any]]:
    return {record["id"]: record for bot, some in rows.items() for record in (to_record(bot, row) for row in some)}


def test_discover_gives_the_stream_of_the_contract(emulator: Emulator) -> None:
    (message,) = run("discover", config=emulator.config()).of_type("CATALOG")
    (stream,) = message["catalog"]["streams"]
    assert stream["name"] == "llm_usage_logs"
    assert stream["supported_sync_modes"] == ["full_refresh", "incremental"]
    assert stream["source_defined_cursor"] is True
    assert stream["default_cursor_field"] == ["end_date"]
    assert stream["source_defined_primary_key"] == [["id"]]
    # Airbyte then gives a second attempt at a full refresh no state, and a generation of its own.
    assert stream["is_resumable"] is False


def test_check_asks_every_bot_once_and_lists_those_that_fail_and_why(emulator: Emulator) -> None:
    outcome = run("check", config=emulator.config())
    assert outcome.of_type("CONNECTION_STATUS")[0]["connectionStatus"]["status"] == "SUCCEEDED"
    assert sorted((seen.bot_id, seen.body["limit"]) for seen in emulator.requests) == [(bot, "1") for bot in BOTS]
    emulator.reading = Reading(without_scope=frozenset([BOTS[1]]))
    told = run("check", config=emulator.config(bot_ids=[*BOTS, "st-nobody"])).told
    assert BOTS[0] not in told
    assert f"Bot {BOTS[1]}: the app lacks the scope" in told
    assert "Bot st-nobody: a wrong bot id, or a bot that the app does not serve" in told


@pytest.mark.parametrize("sync_mode", ["full_refresh", "incremental"])
def test_a_first_sync_gives_every_row_once_and_the_log_says_how_it_was_read(emulator: Emulator, sync_mode: str) -> None:
    config = emulator.config()
    outcome = run("read", config=config, catalog=configured(CATALOG["streams"][0]["stream"], sync_mode))
    assert outcome.code == 0
    assert set(outcome.ids.values()) == {1}
    present = {i: {k: v for k, v in r.items() if v is not None} for i, r in truth().items()}
    assert {record["id"]: record for record in outcome.records} == present
    for bot in BOTS:
        profile, *_, closing = [line for line in outcome.log.splitlines() if line.startswith(f"Bot {bot}: ")]
        asked = [seen for seen in emulator.requests if seen.bot_id == bot]
        assert ": the server answers with dates to the millisecond, " in profile
        assert ", bounds exact to five minutes, up to 1,000 rows a page, " in profile
        received = sum(seen.rows for seen in asked)
        counts = f"{len(ROWS[bot])} records in {len(asked)} requests, {received:,} rows received"
        # The emulator's clock, which counts, is behind this machine's. A cursor is the last moment before.
        until = ms_to_iso(iso_to_ms(outcome.cursors[bot]) + 1)
        assert f", complete to {until}, from where the next sync reads again: {counts}; " in closing
        assert closing.endswith(" parts, none read more than once.")


def test_an_idle_sync_asks_a_few_times_and_rows_with_a_new_column_arrive_with_the_next(emulator: Emulator) -> None:
    config = emulator.config()
    first = sync(config)
    emulator.clear_requests()
    idle = sync(config, first.states[-1:])
    assert idle.errors == []
    asked = [seen.bot_id for seen in emulator.requests]
    assert all(1 <= asked.count(bot) <= 16 for bot in BOTS)
    added = {"Risk Level": "low", "Retries": 2}
    rows = generate_rows(BOTS[0], NOW - timedelta(minutes=4), NOW - timedelta(minutes=2), 30, seed=99)
    emulator.add_rows(BOTS[0], [{**row, **added} for row in rows])
    second = sync(config, idle.states[-1:])
    new = {record["id"]: record for record in second.records if record["id"] in truth({BOTS[0]: rows})}
    assert len(new) == 30  # An `id` does not change with a column that is added.
    assert all(record["additional_columns"].items() >= added.items() for record in new.values())
    assert set(first.ids) | set(second.ids) == {*truth(), *new}


FAULTS = ["500", None, "truncated", None, "502", None, "reset", None, "broken", None, "503"]


@pytest.mark.parametrize(
    ("secret", "is_right", "reading"),
    [
        ("0123456789012345678901234567890123456789", True, Reading(largest_limit=100, faults_script=FAULTS)),
        ("1e5", True, Reading(largest_limit=100)),
        ("{{ config['client_id'] }}", True, Reading(largest_limit=100)),
        ("sécret-密-\"quoted\" \\ and $HOME", True, Reading(largest_limit=100)),
        ("right-length-and-yet-another-secret-than-the-app-has", False, Reading()),
        ("secret-of-an-app-without-the-scope-in-this-test", True, Reading(without_scope=frozenset(BOTS))),
        ("secret-while-the-answer-is-an-object-and-no-rows", True, Reading(faults_script=["object_200"] * 9)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["check", "read"])
def test_no_command_prints_secret_token_or_payload(name: str, secret: str, is_right: bool, reading: Reading) -> None:
    rows = {BOTS[0]: ROWS[BOTS[0]][:200]}
    with Emulator(rows, reading, client_secret=secret if is_right else "what-the-app-really-has" * 2) as emulator:
        documents = {"catalog": CATALOG} if name == "read" else {}
        # `--debug` makes the CDK tell all it knows.
        outcome = run(name, "--debug", config=emulator.config(client_secret=secret), **documents)
        printed = outcome.stdout + outcome.stderr
        assert not any(seen.headers["Auth"].split(".")[2] in printed for seen in emulator.requests)
    others = [message for message in outcome.messages if message["type"] != "RECORD"]
    assert "Request Payload" not in json.dumps(others) + outcome.stderr
    for row in rows[BOTS[0]][:50]:
        payload = json.dumps(row["Payload Details"].get("Request Payload"), ensure_ascii=False)
        assert payload not in outcome.log
    if len(secret) > 3:
        assert secret not in printed
        assert secret.encode("unicode_escape").decode() not in printed
    if is_right and not reading.without_scope and "object_200" not in (reading.faults_script or []):
        assert outcome.code == 0
        assert name != "read" or set(outcome.ids) == set(truth(rows))


SHAPES = Path(__file__).parents[1] / "unit_tests" / "fixtures" / "payloads"


def test_a_redacted_sync_prints_no_text_of_any_payload_even_when_debugging() -> None:
    """Every text of two words or more has a third in it, which nobody else says."""
    shapes = [json.loads(path.read_text()) for path in sorted(SHAPES.glob("*.json"))]
    rows = generate_rows(BOTS[0], NOW - timedelta(days=2), NOW - timedelta(minutes=5), len(shapes), seed=1)
    for row, shape in zip(rows, shapes, strict=True):
        details = {"Request Payload": shape["request"], "Response Payload": shape["response"]}
        told = re.sub(r"(?<=[\w.!?]) (?=\w)", " Zanzibar ", json.dumps(details))
        row |= {"Status": "Failure", "statusCode": 500, **shape.get("row", {}), "Payload Details": json.loads(told)}
    with Emulator({BOTS[0]: rows}) as emulator:
        outcome = run("read", "--debug", config=emulator.config(payload_content="redacted"), catalog=CATALOG)
    assert (outcome.code, len(outcome.ids)) == (0, len(shapes))
    assert json.dumps(rows).count("Zanzibar") > 80
    assert "Zanzibar" not in outcome.stdout + outcome.stderr


@pytest.mark.parametrize(
    "reading", [Reading(largest_limit=50), Reading(cut=DAY, order="arbitrary", latency_seconds=0.01)]
)
def test_killed_over_and_over_a_sync_ends_complete(reading: Reading, tmp_path: Path) -> None:
    chance, state, got = random.Random(7), None, set[str]()
    with Emulator(ROWS, reading) as emulator:
        config = emulator.config(window_days=30)
        for _ in range(5):
            documents = {"config": config, "catalog": CATALOG, "state": state}
            left = chance.randrange(1, 1500)
            with started(["read", *options(tmp_path, **documents)]) as stdout:
                while left and (text := stdout.readline()):
                    message = json.loads(text)
                    if message["type"] == "RECORD":
                        got.add(message["record"]["data"]["id"])
                        left -= 1
                    elif message["type"] == "STATE":
                        state = [message["state"]]
        last = sync(config, state)
    assert last.errors == []
    assert got | set(last.ids) == set(truth())


def test_one_bot_that_waits_for_its_limit_does_not_hold_up_another(tmp_path: Path) -> None:
    """The first bot's old parts are full and its limit is used up; the second has as many parts, and few rows."""
    full = [
        row
        for n in range(8)
        for row in generate_rows(BOTS[0], NOW - timedelta(days=80 - n), NOW - timedelta(days=79 - n), 40, n)
    ]
    sparse = generate_rows(BOTS[1], NOW - timedelta(days=80), NOW - timedelta(minutes=5), 40, seed=9)
    with Emulator({BOTS[0]: full, BOTS[1]: sparse}, Reading(largest_limit=4)) as emulator:
        config = emulator.config(window_days=20, num_workers=4, requests_per_minute=100)
        found: set[str] = set()
        with started(["read", *options(tmp_path, config=config, catalog=CATALOG)]) as stdout:
            for text in stdout:
                message = json.loads(text)
                if message["type"] == "RECORD" and message["record"]["data"]["bot_id"] == BOTS[1]:
                    found.add(message["record"]["data"]["id"])
                if len(found) == len(sparse):
                    break
        # The second bot was read to its end while the first one had not come so far.
        assert len(found) == len(sparse)
        assert sum(seen.rows for seen in emulator.requests if seen.bot_id == BOTS[0]) < len(full)


# Who asks, what is asked of whom, and what comes in the place of rows

FEW = generate_rows(BOTS[0], NOW - timedelta(days=20), NOW - timedelta(minutes=5), 40, seed=5)
PAGE = json.dumps(FEW[-1:]).encode()
PER_MINUTE = b"You've exceeded the per-minute rate limit. Please try again later."


def whole(outcome: Outcome) -> None:
    assert outcome.errors == []
    assert (outcome.code, len(outcome.ids)) == (0, len(FEW))


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(PRIVATE_KEY, "RS256"), (PKCS1.replace("\n", ""), "RS512"), (PRIVATE_KEY.replace("\n", "\\n"), "RS256")],
)
def test_an_app_with_an_rsa_key_is_read(key: str, algorithm: str) -> None:
    with Emulator({BOTS[0]: FEW}, client_secret=PRIVATE_KEY) as emulator:
        outcome = read(emulator.config(client_secret=key, jwt_algorithm=algorithm))
        whole(outcome)
        assert {jwt.get_unverified_header(seen.headers["Auth"])["alg"] for seen in emulator.requests} == {algorithm}
    assert not any(line in outcome.stdout + outcome.stderr for line in PRIVATE_KEY.splitlines()[1:-1])


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


@pytest.mark.parametrize(
    ("answer", "in_the_log"),
    [
        (Answer(400, PER_MINUTE, {"Retry-After": "1"}), "rate limit reached (You've exceeded the per-minute"),
        (Answer(401, b"error verifying the jwt: possibly a replay"), "used before"),
        (Answer(200, b"<!DOCTYPE html><html><body>Request blocked</body></html>"), "an HTML page instead of rows"),
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
    ends = sorted(datetime.fromisoformat(str(row["End Date"]).replace("Z", "+00:00")) for row in FEW)
    east = ends[20].astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat(timespec="milliseconds")
    with Emulator({BOTS[0]: FEW}) as emulator:
        rest = read(emulator.config(lookback_minutes=0), state(east))
        catalog = configured(CATALOG["streams"][0]["stream"], "full_refresh")
        refreshed = run("read", config=emulator.config(), catalog=catalog, state=state("2999-01-01"))
    whole(refreshed)
    assert "ends in the future" not in refreshed.log
    assert len(rest.ids) == sum(end >= ends[20] for end in ends)


OF_ANOTHER = [{"type": "STREAM", "stream": {"stream_descriptor": {"name": "other"}, "stream_state": {"a": 1}}}]
LEGACY = [{"type": "LEGACY", "data": {STREAM: {"end_date": "2024-01-01"}}}]


@pytest.mark.parametrize("state", [OF_ANOTHER, LEGACY])
def test_a_state_that_holds_nothing_of_the_stream_is_told_in_one_line(state: list[dict[str, Any]]) -> None:
    with Emulator({BOTS[0]: FEW}) as emulator:
        outcome = read(emulator.config(), state)
    whole(outcome)
    assert outcome.log.count(f"The state holds nothing of the stream `{STREAM}`") == 1


# What changes around the connector


def test_an_earlier_start_date_takes_effect_with_a_refresh_and_not_before(emulator: Emulator) -> None:
    late = emulator.config(start_date=(NOW - timedelta(days=5)).strftime("%Y-%m-%d"))
    first = sync(late)
    assert 0 < len(first.ids) < len(truth())
    assert not set(sync(emulator.config(), first.states[-1:]).ids) - set(first.ids)
    assert set(sync(emulator.config()).ids) == set(truth())


def test_a_proxy_of_the_environment_is_used(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing listens there: only what answers in the proxy's place can let this succeed.
    elsewhere = emulator.config(host="http://127.0.0.9:9")
    assert check(elsewhere).code == 1
    monkeypatch.setenv("HTTP_PROXY", emulator.url)
    assert check(elsewhere).code == 0
    monkeypatch.setenv("NO_PROXY", "127.0.0.9")
    assert check(elsewhere).code == 1


@pytest.mark.skipif(not shutil.which("openssl"), reason="a certificate needs openssl")
def test_a_certificate_in_requests_ca_bundle_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ScriptedServer(tls=context) as server:
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
        monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
        assert "No secure connection" in check(server.config()).told
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        assert check(server.config()).code == 0
