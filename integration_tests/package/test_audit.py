"""`make audit` passes only when the database was asked about every dependency and knew of nothing."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    not (ROOT / ".venv-release" / "bin").exists(), reason="the release tools are not installed: make package-test"
)


@contextmanager
def database(vulnerable: str | None = None) -> Iterator[tuple[str, list[str]]]:
    """Plays OSV, the database of known vulnerabilities: its address, and the packages that it was asked about."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = query["package"]["name"]
            asked.append(name)
            known = {
                "id": "PYSEC-0000-1",
                "summary": "made up",
                "affected": [{"package": query["package"], "versions": [query["version"]], "ranges": []}],
            }
            body = json.dumps({"vulns": [known]} if name == vulnerable else {}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
        server.shutdown()


def audit(address: str, folder: Path) -> tuple[int, str]:
    """Runs `make audit` with another database: its exit code, and all it printed."""
    options = f"AUDIT_OPTIONS=--vulnerability-service osv --osv-url {address}"
    installed = ("-o", ".tools/.installed", "-o", ".venv-release/.installed")
    line = ["make", *installed, "audit", options, f"AUDIT_FOLDER={folder}"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_it_passes_when_nothing_is_known_of_any_locked_dependency(tmp_path: Path) -> None:
    with database() as (address, asked):
        code, output = audit(address, tmp_path)
    assert code == 0, output
    assert "No known vulnerabilities found" in output
    assert {"airbyte-cdk", "requests", "pyjwt", "pendulum", "orjson"} <= set(asked)
    assert "pytest" not in asked


def test_it_fails_and_names_the_dependency_that_is_vulnerable(tmp_path: Path) -> None:
    with database(vulnerable="pyjwt") as (address, _):
        code, output = audit(address, tmp_path)
    assert code != 0
    assert "pyjwt" in output
    assert "PYSEC-0000-1" in output
    assert "not known to be safe" in output


def test_it_fails_when_the_database_cannot_be_asked(tmp_path: Path) -> None:
    with database() as (address, _):
        pass
    code, output = audit(address, tmp_path)
    assert code != 0
    assert "Connection refused" in output
    assert "not known to be safe" in output
    assert "Traceback" not in output
