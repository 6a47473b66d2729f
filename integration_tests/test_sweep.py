"""Whatever a person, a program or the API hands in: a sentence that says what is wrong, never a general remark."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from integration_tests import in_process
from integration_tests.command import CATALOG, Outcome, options, state_of, typed
from integration_tests.kore_emulator import NOW, Emulator, generate_rows
from integration_tests.scripted_server import Answer, ScriptedServer
from source_kore_llm_logs.manifest import SPECIFICATION

BOT = "st-alpha"
SECRET = "s3cret-of-the-sweep-that-is-long-enough-to-be-a-key-of-64-bytes-or-more-and-unlike-all-else"
SWEEP: dict[str, Any] = json.loads(Path(__file__).with_name("sweep.json").read_text())
"""States, catalogs, environments; configs and answers ([status, body, header, …]), a character a byte."""
NOTHING_SAID = (
    "Something went wrong", "An unexpected error", "not foreseen", "Unforeseen", "Traceback", "Config validation error",
    SECRET,
)  # fmt: skip


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    rows = generate_rows(BOT, NOW - timedelta(days=20), NOW - timedelta(minutes=5), 30, seed=1)
    with Emulator({BOT: rows}, client_secret=SECRET) as running:
        yield running


def said(outcome: Outcome) -> str:
    """The one sentence of a failure, which is on stderr too; "" where there was none. Never a general remark."""
    for remark in NOTHING_SAID:
        assert remark not in json.dumps(outcome.messages) + outcome.stdout + outcome.stderr, outcome
    if outcome.code == 0:
        assert outcome.stderr == ""
        return ""
    assert outcome.code == 1, outcome
    assert outcome.told, outcome
    assert outcome.stderr in (f"{outcome.told}\n", ""), outcome
    return outcome.told


def as_json(document: Any) -> bytes:
    return json.dumps(document).encode()


def ran(command: str, folder: Path, environment: dict[str, str] | None = None, **documents: Any) -> str:
    outcome = typed([command, *options(folder, **documents)], environment)
    assert outcome.code == 0 or outcome.stderr, "a terminal may not show stdout"
    return said(outcome)


CONFIGS: dict[str, tuple[bytes, str]] = {
    **{name: (text.encode("latin-1"), reason) for name, (text, reason) in SWEEP["configs"].items()},
    "binary": (bytes(range(256)), "is not"),
    "too deep": (b"[" * 100_000, "too many levels"),
    "a long number": (b'{"page_size": 1' + b"0" * 10_000 + b"}", "too long a number"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_that_is_none_gets_a_sentence(tmp_path: Path, name: str) -> None:
    document, reason = CONFIGS[name]
    told = ran("discover", tmp_path, config=document)
    assert told.startswith("The file given by --config ")
    assert reason in told


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_config_in_another_form_of_unicode_is_read(emulator: Emulator, tmp_path: Path, encoding: str) -> None:
    assert ran("check", tmp_path, config=json.dumps(emulator.config()).encode(encoding)) == ""


def test_a_config_that_cannot_be_read_gets_a_sentence(tmp_path: Path) -> None:
    paths = {
        str(tmp_path / "missing"): "does not exist",
        str(tmp_path): "cannot be read: is a directory",
        "": "cannot be read",
        "a" * 5000: "cannot be read: file name too long",
        "/proc/self/mem": "cannot be read: input/output error",
    }
    for path, reason in paths.items():
        assert reason in said(typed(["check", "--config", path]))


ODD_VALUES = ({"a": [None]}, "{{ config['client_secret'] }}", " \0\u202e")
INTERNAL = ("sync_end", "base_url", "__injected_declarative_manifest", "__injected_components_py")
FIELDS = (*SPECIFICATION["properties"], *INTERNAL)


@pytest.mark.parametrize("number", range(len(FIELDS)))
def test_no_value_of_any_field_leads_to_a_general_remark(emulator: Emulator, tmp_path: Path, number: int) -> None:
    """An object through the command line, which holds types to the form; the others through the source."""
    wrong_type, *odd = ODD_VALUES
    ran("check", tmp_path, config=emulator.config(**{FIELDS[number]: wrong_type}))
    for value in odd:
        try:
            said(in_process.check(emulator.config(**{FIELDS[number]: value})))
        except AirbyteTracedException as fault:
            told = fault.message or NOTHING_SAID[0]
            assert not any(remark in told for remark in NOTHING_SAID)


@pytest.mark.parametrize("name", SWEEP["states"])
def test_a_state_that_is_none_gets_a_sentence(emulator: Emulator, tmp_path: Path, name: str) -> None:
    told = ran("read", tmp_path, config=emulator.config(), catalog=CATALOG, state=as_json(SWEEP["states"][name]))
    if name == "null":
        assert told == ""
    else:
        assert told.startswith("The file given by --state is not a list of state messages: it must hold")


@pytest.mark.parametrize("name", SWEEP["stream states"])
def test_no_state_of_the_stream_leads_to_a_general_remark(emulator: Emulator, name: str) -> None:
    said(in_process.sync(emulator.config(), state_of(SWEEP["stream states"][name])))


CATALOGS: dict[str, Any] = {
    **SWEEP["catalogs"],
    "what discover prints": {"type": "CATALOG", "catalog": {"streams": [CATALOG["streams"][0]["stream"]]}},
    "an unknown mode": {"streams": [{**CATALOG["streams"][0], "sync_mode": "backwards"}]},
}


@pytest.mark.parametrize("name", CATALOGS)
def test_a_catalog_that_is_none_gets_a_sentence(emulator: Emulator, tmp_path: Path, name: str) -> None:
    told = ran("read", tmp_path, config=emulator.config(), catalog=as_json(CATALOGS[name]))
    if name == "no stream":
        assert told.startswith("The catalog names no stream.")
    else:
        assert told.startswith("The file given by --catalog is not a configured catalog: it must hold `streams`")


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


ANSWERS: dict[str, bytes] = {
    name: http(status, body.encode("latin-1"), *headers) for name, (status, body, *headers) in SWEEP["answers"].items()
} | {
    "nothing": b"",
    "no HTTP": b"hello\r\n",
    "an odd status line": b"HTTP/1.1 abc def\r\n\r\n",
    "400 of binary": http("400 Bad Request", bytes(range(256))),
    "UTF-16": http("200 OK", "[]".encode("utf-16")),
    "more announced than sent": http("200 OK", b"[]").replace(b"Length: 2", b"Length: 20"),
    "a length that is none": http("200 OK", b"{}").replace(b"Length: 2", b"Length: x"),
    "no chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense",
    "too many headers": http("200 OK", b"[]", *[f"X-{n}: 1" for n in range(200)]),
    "deep brackets": http("200 OK", b"[" * 200_000),
}
ODD_ROWS = [
    {"End Date": value, "start Date": value, "statusCode": value, "Payload Details": value, "Session ID": value}
    for value in (None, True, -1, 1e308, "", "x", [], [[[]]], {}, {"a": {}}, "2025-01-01", "9999-99-99T99:99:99Z")
]
GOOD_ANSWERS: dict[str, bytes] = {
    "a header that is none": http("200 OK", b"[]").replace(b"Connection: close", b"nonsense"),
    "a header of zeros": http("200 OK", b"[]").replace(b"Connection: close", b"X\0: \0"),
    "no content": http("204 No Content"),
    "rows of odd values": http("200 OK", json.dumps(ODD_ROWS).encode()),
}


@pytest.mark.parametrize("name", [*ANSWERS, *GOOD_ANSWERS])
def test_no_answer_of_the_api_leads_to_a_general_remark(name: str) -> None:
    answer = Answer(raw={**ANSWERS, **GOOD_ANSWERS}[name])
    with ScriptedServer(of_bot={BOT: answer}) as server:
        assert bool(said(in_process.check(server.config()))) is (name in ANSWERS)


def test_a_check_waits_for_no_limit_of_its_own() -> None:
    with ScriptedServer(of_bot={BOT: Answer(503)}) as server:
        outcome = in_process.check(server.config(requests_per_minute=1, requests_per_hour=1))
    assert "Tried 2 times" in said(outcome)


@pytest.mark.parametrize("name", SWEEP["environments"])
def test_no_environment_leads_to_a_general_remark(emulator: Emulator, tmp_path: Path, name: str) -> None:
    ran("check", tmp_path, SWEEP["environments"][name], config=emulator.config())
