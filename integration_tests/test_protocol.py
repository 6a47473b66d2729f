"""The protocol's commands as a person or a platform runs them, against the emulator over real HTTP."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from integration_tests.command import CATALOG, catalog_of, read, run
from integration_tests.kore_emulator import NOW, Emulator, Reading, generate_rows
from source_kore_llm_logs.records.record import to_record
from source_kore_llm_logs.records.timestamps import iso_of, milliseconds

BOTS = ("st-alpha", "st-beta")
SECRET = "s3cret-of-the-test-app-that-is-long-enough-to-be-a-key-of-64-bytes-or-more"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    now = NOW
    rows = {
        bot: generate_rows(bot, now - timedelta(days=200), now - timedelta(minutes=5), 700, seed)
        for seed, bot in enumerate(BOTS)
    }
    with Emulator(rows, Reading(largest_limit=100), client_secret=SECRET) as running:
        yield running


def truth(emulator: Emulator) -> dict[str, dict[str, Any]]:
    records = [to_record(bot, row) for bot in BOTS for row in emulator.rows(bot)]
    return {record["id"]: record for record in records}


def test_spec_names_every_field_of_the_contract_and_hides_the_secret() -> None:
    (message,) = run("spec").of_type("SPEC")
    specification = message["spec"]["connectionSpecification"]
    assert specification["required"] == ["host", "bot_ids", "client_id", "client_secret", "start_date"]
    assert specification["properties"]["client_secret"]["airbyte_secret"] is True
    orders = [field["order"] for field in specification["properties"].values()]
    assert orders == list(range(len(orders)))
    assert all({"title", "description"} <= set(field) for field in specification["properties"].values())


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


def test_check_asks_every_bot_once(emulator: Emulator) -> None:
    outcome = run("check", config=emulator.config())
    assert outcome.of_type("CONNECTION_STATUS")[0]["connectionStatus"]["status"] == "SUCCEEDED"
    assert sorted(seen.bot_id for seen in emulator.requests) == sorted(BOTS)


@pytest.mark.parametrize("sync_mode", ["full_refresh", "incremental"])
def test_a_first_sync_gives_every_row_as_its_record_once(emulator: Emulator, sync_mode: str) -> None:
    config = emulator.config()
    outcome = run("read", config=config, catalog=catalog_of(config, sync_mode))
    assert outcome.code == 0
    expected = truth(emulator)
    assert set(outcome.ids.values()) == {1}
    present = {i: {k: v for k, v in r.items() if v is not None} for i, r in expected.items()}
    assert {record["id"]: record for record in outcome.records} == present
    assert set(outcome.cursors) == set(BOTS)


def test_an_idle_sync_asks_each_bot_a_few_times_and_new_rows_arrive_with_the_next(
    emulator: Emulator,
) -> None:
    config = emulator.config()
    first = read(config)
    emulator.clear_requests()
    idle = read(config, first.states)
    assert idle.code == 0
    asked = [seen.bot_id for seen in emulator.requests]
    assert all(1 <= asked.count(bot) <= 5 for bot in BOTS)
    now = NOW
    new = generate_rows(BOTS[0], now - timedelta(minutes=4), now - timedelta(minutes=2), 30, seed=99)
    emulator.add_rows(BOTS[0], new)
    second = read(config, idle.states)
    assert {to_record(BOTS[0], row)["id"] for row in new} <= set(second.ids)
    assert set(first.ids) | set(second.ids) == set(truth(emulator))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"host": None}, "`host`"),
        ({"host": "https://user:pw@platform.kore.ai"}, "`host`"),
        ({"bot_ids": []}, "`bot_ids`"),
        ({"bot_ids": ["../x"]}, "`bot_ids`"),
        ({"client_id": None}, "`client_id`"),
        ({"client_secret": None}, "`client_secret`"),
        ({"start_date": "31.12.2024"}, "`start_date`"),
        ({"end_date": "2001-01-01"}, "(`start_date`) must be before End Date (`end_date`)"),
        ({"client_secret": "wrong-secret-that-is-long-enough-to-sign-with"}, "`client_secret`"),
        ({"bot_ids": ["st-unknown"]}, "Bot st-unknown"),
    ],
)
@pytest.mark.parametrize("command", ["check", "read"])
def test_bad_input_gets_one_clear_sentence_and_a_non_zero_exit(
    emulator: Emulator, command: str, change: dict[str, Any], named: str
) -> None:
    config = {key: value for key, value in {**emulator.config(), **change}.items() if value is not None}
    outcome = run("check", config=config) if command == "check" else read(config)
    assert outcome.code == 1
    if command == "check":
        status = outcome.of_type("CONNECTION_STATUS")[-1]["connectionStatus"]
        assert status["status"] == "FAILED"
        told = status["message"]
    else:
        told = outcome.errors[-1]["message"]
        assert outcome.errors[-1]["failure_type"] == "config_error"
    assert named in told
    assert "Traceback" not in outcome.stdout + outcome.stderr
    assert SECRET not in outcome.stdout + outcome.stderr


@pytest.mark.parametrize("command", ["check", "read"])
def test_a_field_that_there_is_not_is_told_and_a_near_miss_of_what_is_copied_fails(
    emulator: Emulator, command: str
) -> None:
    documents = {"catalog": CATALOG} if command == "read" else {}
    harmless = run(command, config=emulator.config(page_sizes=50, tenant="x"), **documents)
    assert harmless.code == 0
    told = [line for line in harmless.log.splitlines() if "no field of the configuration" in line]
    assert told == [
        "`page_sizes` is no field of the configuration: did you mean Page Size (`page_size`)? It has no effect.",
        "`tenant` is no field of the configuration, and has no effect.",
    ]
    emulator.clear_requests()
    refused = run(command, config=emulator.config(payload_contents="redacted"), **documents)
    assert refused.code == 1
    assert "did you mean Prompts and Answers (`payload_content`)?" in refused.stderr
    assert emulator.requests == []


def test_an_unreachable_host_fails_the_check_in_seconds(emulator: Emulator) -> None:
    outcome = run("check", timeout=30, config={**emulator.config(), "host": "http://127.0.0.1:9"})
    assert outcome.code == 1
    assert "cannot reach 127.0.0.1:9" in outcome.of_type("CONNECTION_STATUS")[-1]["connectionStatus"]["message"]


def test_check_lists_every_bot_that_fails_and_why(emulator: Emulator) -> None:
    emulator.reading = Reading(refusals={BOTS[1]: "scope"})
    outcome = run("check", config={**emulator.config(), "bot_ids": [*BOTS, "st-nobody"]})
    told = outcome.of_type("CONNECTION_STATUS")[-1]["connectionStatus"]["message"]
    assert BOTS[0] not in told
    assert f"Bot {BOTS[1]}: the app lacks the scope" in told
    assert "Bot st-nobody: a wrong bot id, or a bot that the app does not serve" in told


def test_one_bot_that_fails_does_not_stop_the_others_and_is_made_good_by_the_next_sync(
    emulator: Emulator,
) -> None:
    emulator.reading = Reading(refusals={BOTS[0]: "scope"})
    failed = read(emulator.config())
    assert failed.code == 1
    assert BOTS[0] in failed.errors[-1]["message"]
    assert {record["bot_id"] for record in failed.records} == {BOTS[1]}
    emulator.reading = Reading()
    good = read(emulator.config(), failed.states)
    assert set(failed.ids) | set(good.ids) == set(truth(emulator))


@pytest.mark.parametrize("fault", ["500", "502", "503", "504", "reset", "broken", "truncated"])
def test_a_passing_fault_loses_nothing_and_repeats_nothing(emulator: Emulator, fault: str) -> None:
    emulator.reading = Reading(faults_script=[None, fault, fault])
    outcome = read(emulator.config())
    assert outcome.code == 0
    assert set(outcome.ids) == set(truth(emulator))
    assert set(outcome.ids.values()) == {1}


@pytest.mark.waits
@pytest.mark.parametrize(("body", "said"), [("html_200", "an HTML page"), ("object_200", "a JSON object")])
def test_a_body_that_is_not_rows_is_never_taken_for_no_rows(emulator: Emulator, body: str, said: str) -> None:
    emulator.reading = Reading(fault_rate=1, faults=[body])
    outcome = read(emulator.config(), timeout=30)
    assert outcome.code == 1
    assert said in outcome.errors[-1]["message"]
    assert set(outcome.cursors.values()) <= {emulator.config()["start_date"].replace("Z", ".000Z")}


def test_no_token_and_no_secret_is_ever_printed_and_each_request_has_its_own_token(
    emulator: Emulator,
) -> None:
    emulator.reading = Reading(faults_script=["500", None, "truncated", "503"])
    config = {**emulator.config(), "start_date": "2026-01-01"} | {"start_date": emulator.config()["start_date"]}
    outcome = run("read", config=config, catalog=catalog_of(config))
    printed = outcome.stdout + outcome.stderr
    tokens = [seen.headers.get("auth") or seen.headers.get("Auth") for seen in emulator.requests]
    assert all(tokens)
    assert SECRET not in printed
    assert not any(str(token) in printed for token in tokens)
    assert len({seen.jti for seen in emulator.requests}) == len(emulator.requests)


@pytest.mark.waits
def test_the_rate_limit_of_each_bot_is_used_up_and_never_broken(emulator: Emulator) -> None:
    emulator.reading = Reading(largest_limit=30, requests_per_minute=20)
    outcome = read(emulator.config(requests_per_minute=20), timeout=200)
    assert outcome.code == 0
    assert set(outcome.ids) == set(truth(emulator))
    assert emulator.refused_by_rate == 0
    began = min(seen.at for seen in emulator.requests)
    for bot in BOTS:
        asked = [seen.at - began for seen in emulator.requests if seen.bot_id == bot]
        assert len(asked) > 20
        assert sum(at < 60 for at in asked) == 20


@pytest.mark.waits
@pytest.mark.parametrize("refusal", ["429_retry_after", "text_400", "text_200"])
def test_a_rate_refusal_in_any_form_is_waited_out(emulator: Emulator, refusal: str) -> None:
    emulator.reading = Reading(largest_limit=20, requests_per_minute=8, rate_window_scale=0.05, rate_refusal=refusal)
    outcome = read({**emulator.config(), "start_date": _days_ago(60)}, timeout=200)
    assert outcome.code == 0
    assert emulator.refused_by_rate > 0
    assert "rate limit" in outcome.log


def _days_ago(days: int) -> str:
    return (NOW - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_log_says_at_the_end_how_each_bot_was_read_and_shows_no_payload(emulator: Emulator) -> None:
    outcome = read(emulator.config())
    for bot in BOTS:
        profile, *_, closing = [line for line in outcome.log.splitlines() if line.startswith(f"Bot {bot}: ")]
        asked = [seen for seen in emulator.requests if seen.bot_id == bot]
        assert ": the server answers with dates to the millisecond, " in profile
        assert ", bounds exact to five minutes, up to 1,000 rows a page, " in profile
        received = sum(seen.rows for seen in asked)
        counts = f"{len(emulator.rows(bot))} records in {len(asked)} requests, {received:,} rows received"
        # The emulator's clock, which counts, is behind this machine's. A cursor is the last moment before.
        until = iso_of(milliseconds(outcome.cursors[bot]) + 1)
        assert f", complete to {until}, from where the next sync reads again: {counts}; " in closing
        assert closing.endswith(" parts, none of them read more than once.")
    for row in emulator.rows(BOTS[0])[:50]:
        payload = json.dumps(row["Payload Details"].get("Request Payload"), ensure_ascii=False)
        assert payload not in outcome.log
