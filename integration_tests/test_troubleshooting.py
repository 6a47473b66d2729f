"""Every row of the docs page's troubleshooting table is what a person really sees."""

import re
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Response, request

from integration_tests.command import CATALOG, Outcome, options, run, started, state_at
from integration_tests.documents import PAGE, section, table
from integration_tests.in_process import check, sync
from integration_tests.kore_emulator import NOW, Emulator, Reading, generate_rows
from integration_tests.kore_emulator.behaviour import DAY
from integration_tests.rsa_keys import ENCRYPTED
from integration_tests.scripted_server import Answer, ScriptedServer

BOT = "st-alpha"
ROWS = generate_rows(BOT, NOW - timedelta(days=20), NOW - timedelta(minutes=5), 60, seed=1)


def failed(outcome: Outcome) -> str:
    assert outcome.code == 1
    return outcome.told


def checked(reading: Reading | None = None, **changes: Any) -> str:
    with Emulator({BOT: ROWS}, reading or Reading()) as emulator:
        return failed(run("check", config=emulator.config(**changes)))


def checked_beside_another(answer: Answer) -> str:
    """One bot gets this answer, another an empty log."""
    with ScriptedServer(of_bot={BOT: answer}) as server:
        return failed(check(server.config(BOT, "st-beta")))


def synced(
    code: int, rows: Any = ROWS, reading: Any = None, server: Any = Emulator, state: Any = None, **changes: Any
) -> str:
    with server({BOT: rows}, reading or Reading()) as emulator:
        outcome = sync(emulator.config(**changes), state)
    assert outcome.code == code, outcome.told
    return f"{outcome.told}\n{outcome.log}"


class HidesARow(Emulator):
    """It finds one row only where as many are asked for as in the vendor's sample, or where little time is."""

    def __init__(self, rows: dict[str, list[dict[str, Any]]], reading: Reading):
        super().__init__({**rows, "st-without": rows[BOT][:30] + rows[BOT][31:]}, reading)

    def answer(self, bot_id: str) -> Response:
        body = request.get_json()
        first, last = (datetime.fromisoformat(body[key].replace("Z", "+00:00")) for key in ("dateFrom", "dateTo"))
        is_found = int(body["limit"]) == 50 or last - first < timedelta(minutes=41)
        return super().answer(bot_id if is_found else "st-without")


def answered(status: int, body: bytes = b"", **names: str) -> str:
    """With one answer of a server for all requests; names in capitals are variables of the environment, not headers."""
    variables = {name: value for name, value in names.items() if name.isupper()}
    answer = Answer(status, body, {name: value for name, value in names.items() if name not in variables})
    with ScriptedServer([answer] * 9) as server, pytest.MonkeyPatch.context() as patch:
        patch.delenv("https_proxy", raising=False)
        for name, value in variables.items():
            patch.setenv(name, value.format(address=server.address))
        # Variables are read where the command starts.
        return failed(run("check", config=server.config(**({"host": "kore.invalid"} if variables else {}))))


def with_a_certificate_that_is_none() -> str:
    with Emulator({BOT: ROWS}) as emulator:
        return failed(check(emulator.config(host=emulator.url.replace("http:", "https:"))))


def until(word: str, reading: Reading | None = None, **config: Any) -> str:
    """Reads only until it says this."""
    with Emulator({BOT: ROWS}, reading) as emulator, tempfile.TemporaryDirectory() as folder:
        words = ["read", *options(Path(folder), config=emulator.config(**config), catalog=CATALOG)]
        with started(words) as stdout:
            return next(text for text in stdout if word in text)


AT_ONE_MOMENT = [{**row, "start Date": ROWS[0]["start Date"], "End Date": ROWS[0]["End Date"]} for row in ROWS[:30]]
TO_COME = [{**row, "End Date": f"{NOW + timedelta(hours=3):%Y-%m-%dT%H:%M:%SZ}"} for row in ROWS[:1]]
WITHOUT_DATES = [{k: v for k, v in row.items() if not k.endswith("Date")} for row in ROWS[:3]]

SEEN: dict[str, Callable[[], str]] = {
    "… (`…`) must …": lambda: checked(start_date="31.12.2024"),
    "is no field of the configuration": lambda: checked(payload_contents="redacted"),
    "Client Secret (`client_secret`) holds …": lambda: checked(client_secret=ENCRYPTED, jwt_algorithm="RS256"),
    "The catalog names …": lambda: failed(run("read", config=Emulator({BOT: []}).config(), catalog={"streams": []})),
    "wrong credentials or a wrong bot id": lambda: checked(client_secret="another-secret-that-is-long-enough-to-sign"),
    "a wrong bot id, or a bot that the app does not serve": lambda: checked_beside_another(
        Answer(401, b"Invalid SDK credentials")
    ),
    "Kore.ai does not know this bot": lambda: answered(404, b"Bot not found"),
    "an HTML page came in the place of the API's refusal": lambda: answered(403, b"<html>"),
    "the address of this machine is not allowed": lambda: answered(403, b"IP address is not whitelisted"),
    "the app lacks the scope": lambda: checked(Reading(without_scope=frozenset([BOT]))),
    "the token was rejected as malformed": lambda: answered(401, b"Invalid JWT token"),
    "the token was rejected as one that was used before": lambda: answered(401, b"possibly a replay"),
    "The clock of this machine is … that of Kore.ai": lambda: answered(
        401, b"jwt expired", Date="Mon, 01 Jan 2024 00:00:00 GMT"
    ),
    "cannot reach …": lambda: checked(host="no-such-host.invalid"),
    "The proxy … asks for a user name and a password (407)": lambda: answered(407, HTTPS_PROXY="http://{address}"),
    "is a SOCKS proxy": lambda: answered(200, HTTPS_PROXY="socks5://{address}"),
    "names no file of certificates": lambda: answered(200, REQUESTS_CA_BUNDLE="/no/such/file.pem"),
    "No secure connection to …": with_a_certificate_that_is_none,
    "sends the request on …": lambda: answered(307, Location="https://other.example.com/"),
    "the API answered with status …. Check Host": lambda: answered(501),
    "an HTML page instead of rows": lambda: checked(Reading(faults_script=["html_200"] * 2)),
    "a JSON object or a cipher text instead of an array of rows": lambda: checked(
        Reading(faults_script=["object_200"])
    ),
    "the API refused the request with status 412: …": lambda: answered(412, b"Invalid arguments"),
    "its requests (…) are used up, waiting": lambda: until("used up", requests_per_minute=2),
    "rate limit reached (…), waiting": lambda: until("rate limit", Reading(faults_script=["429"])),
    "the API's rate limit is used up by other requests": lambda: answered(429),
    "the API answered with status 5…. Tried …": lambda: checked(Reading(fault_rate=1, faults=["503"])),
    "the answer was cut off in the middle": lambda: checked(Reading(fault_rate=1, faults=["truncated"])),
    "broke off the connection before it answered": lambda: checked(Reading(fault_rate=1, faults=["reset"])),
    "refuses even the smallest page as too large (413)": lambda: synced(1, reading=Reading(fails_above_bytes=10)),
    "cannot be read to the end": lambda: synced(1, AT_ONE_MOMENT, Reading(skip_ceiling=5), page_size=5),
    "the API ignores `skip`, or rounds it to whole pages": lambda: synced(
        1, reading=Reading(skip="rounded", largest_limit=10)
    ),
    "the API gives some rows only for a small request": lambda: synced(1, server=HidesARow, bot_ids=[BOT]),
    "not read from there to …": lambda: synced(1, reading=Reading(fails_above_bytes=10)),
    "the server answers with …": lambda: synced(0),
    "from where the next sync reads again": lambda: synced(0, reading=Reading(cut=DAY)),
    "the API ignores the filter `…`, and gives rows": lambda: synced(
        1, ROWS, Reading(ignored_filters=frozenset({"taskId"})), task_id=ROWS[0]["task Id"]
    ),
    "no row matches the filters": lambda: synced(0, channels=["no-such-channel"]),
    "The clock of this machine is … ahead of the server's, which counts": lambda: synced(0),
    "dated ahead of now": lambda: synced(0, ROWS + TO_COME, Reading(cut=DAY)),
    "The state of bot … ends in the future": lambda: synced(0, state=state_at("2999-01-01")),
    "has no `end_date` that is a date": lambda: synced(1, state=state_at("soon")),
    "The state holds nothing of the stream …": lambda: synced(0, state=[{"type": "LEGACY", "data": {"a": 1}}]),
    "keeps the logs of LLM calls for … days": lambda: synced(0, start_date="2025-01-01"),
    "had no date that can be read": lambda: synced(0, ROWS + WITHOUT_DATES),
    "a date of year 1 or 9999": lambda: synced(
        0, [*ROWS, {**ROWS[0], "End Date": "9999-12-31T23:59:59.999Z"}], Reading(filed_under="start")
    ),
    "U+0000 or half a surrogate": lambda: synced(0, [*ROWS, {**ROWS[0], "Description": "a\0b"}]),
}  # fmt: skip


def test_the_table_has_just_these_rows() -> None:
    assert [row[0] for row in table(section(PAGE, "Troubleshooting"))] == list(SEEN)


@pytest.mark.parametrize("seen", SEEN)
def test_what_the_table_shows_is_what_a_person_sees(seen: str) -> None:
    said = SEEN[seen]()
    assert re.search(".*".join(map(re.escape, seen.split("…"))), said), said
    assert "Traceback" not in said
