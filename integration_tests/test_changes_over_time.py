"""What the docs page says happens when the API, the settings, the state or the network around the connector change."""

import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from integration_tests.command import read, run
from integration_tests.kore_emulator import NOW, Emulator, generate_rows
from source_kore_llm_logs.records.record import to_record

BOT = "st-alpha"
ROWS = generate_rows(BOT, NOW - timedelta(days=20), NOW - timedelta(minutes=70), 40, seed=11)
NEW_ROWS = generate_rows(BOT, NOW - timedelta(minutes=50), NOW - timedelta(minutes=5), 10, seed=12)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator({BOT: ROWS}) as running:
        yield running


def ids(rows: list[dict[str, Any]]) -> set[str]:
    return {to_record(BOT, row)["id"] for row in rows}


def connection(outcome: Any) -> dict[str, str]:
    status: dict[str, str] = outcome.of_type("CONNECTION_STATUS")[-1]["connectionStatus"]
    return status


def test_a_column_that_the_api_adds_later_arrives_in_additional_columns(emulator: Emulator) -> None:
    first = read(emulator.config())
    emulator.add_rows(BOT, [{**row, "Risk Level": "low", "Retries": 2} for row in NEW_ROWS])
    second = read(emulator.config(), first.states[-1:])
    assert len(second.records) == len(NEW_ROWS)
    new = {"Risk Level": "low", "Retries": 2}
    assert all(record["additional_columns"].items() >= new.items() for record in second.records)
    assert not any(new.keys() & record.get("additional_columns", {}).keys() for record in first.records)


def test_a_refresh_reads_every_row_again_with_the_id_it_had(emulator: Emulator) -> None:
    first = read(emulator.config())
    emulator.add_rows(BOT, NEW_ROWS)
    refreshed = read(emulator.config())
    assert set(first.ids) == ids(ROWS)
    assert set(refreshed.ids) == ids(ROWS + NEW_ROWS)


def test_the_id_of_a_row_does_not_depend_on_whether_it_is_redacted(emulator: Emulator) -> None:
    redacted = read(emulator.config(payload_content="redacted"))
    assert set(redacted.ids) == ids(ROWS)
    for record in redacted.records:
        assert record["user_id"]
        assert record["description"]
        assert "messages" not in json.dumps(record.get("request_payload"))


def test_an_earlier_start_date_takes_effect_with_a_refresh_and_not_before(emulator: Emulator) -> None:
    late = emulator.config(start_date=(NOW - timedelta(days=5)).strftime("%Y-%m-%d"))
    first = read(late)
    assert 0 < len(first.ids) < len(ROWS)
    assert not read(emulator.config(), first.states[-1:]).records
    assert set(read(emulator.config()).ids) == ids(ROWS)


def test_an_empty_list_of_states_is_a_first_sync(emulator: Emulator) -> None:
    assert set(read(emulator.config(), state=[]).ids) == ids(ROWS)


def test_a_proxy_of_the_environment_is_used(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing listens there: only what answers in the proxy's place can let this succeed.
    elsewhere = emulator.config(host="http://127.0.0.9:9")
    assert connection(run("check", config=elsewhere))["status"] == "FAILED"
    monkeypatch.setenv("HTTP_PROXY", emulator.url)
    assert connection(run("check", config=elsewhere))["status"] == "SUCCEEDED"
    monkeypatch.setenv("NO_PROXY", "127.0.0.9")
    assert connection(run("check", config=elsewhere))["status"] == "FAILED"


class EmptyLog(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def platform_with_its_own_certificate(folder: Path) -> Iterator[tuple[str, Path]]:
    """Its URL, and the certificate that nobody knows."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with HTTPServer(("127.0.0.1", 0), EmptyLog) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://localhost:{server.server_port}", certificate
        server.shutdown()


@pytest.mark.skipif(not shutil.which("openssl"), reason="a certificate needs openssl")
def test_a_platform_with_a_certificate_of_its_own_is_trusted_by_requests_ca_bundle(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with platform_with_its_own_certificate(tmp_path) as (url, certificate):
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
        monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
        refused = connection(run("check", config=emulator.config(host=url)))
        assert refused["status"] == "FAILED"
        assert "No secure connection" in refused["message"]
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        assert connection(run("check", config=emulator.config(host=url))) == {"status": "SUCCEEDED"}
