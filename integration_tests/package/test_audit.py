"""`make audit` passes only when the database was asked about every dependency and knew of nothing."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from integration_tests.scripted_server import Answer, ScriptedServer

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    not (ROOT / ".venv-release" / "bin").exists(), reason="the release tools are not installed: make package-test"
)


class Database(ScriptedServer):
    """Plays OSV, the database of known vulnerabilities; `named` are the packages that it was asked about."""

    def __init__(self, vulnerable: str | None = None) -> None:
        self.named: list[str] = []

        def answer(_: str, query: dict[str, Any]) -> Answer:
            self.named.append(query["package"]["name"])
            affected = [{"package": query["package"], "versions": [query["version"]], "ranges": []}]
            known = {"id": "PYSEC-0000-1", "summary": "made up", "affected": affected}
            return Answer(body=json.dumps({"vulns": [known]} if self.named[-1] == vulnerable else {}).encode())

        super().__init__(answers=answer)


def audit(database: Database, folder: Path) -> tuple[int, str]:
    """Runs `make audit` with another database: its exit code, and all it printed."""
    options = f"AUDIT_OPTIONS=--vulnerability-service osv --osv-url http://{database.address}/v1/query"
    installed = ("-o", ".tools/.installed", "-o", ".venv-release/.installed")
    line = ["make", *installed, "audit", options, f"AUDIT_FOLDER={folder}"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=240)
    return done.returncode, done.stdout + done.stderr


def test_it_passes_when_nothing_is_known_of_any_locked_dependency(tmp_path: Path) -> None:
    with Database() as database:
        code, output = audit(database, tmp_path)
    assert code == 0, output
    assert "No known vulnerabilities found" in output
    assert {"airbyte-cdk", "requests", "pyjwt", "pendulum", "orjson"} <= set(database.named)
    assert "pytest" not in database.named


def test_it_fails_and_names_the_dependency_that_is_vulnerable(tmp_path: Path) -> None:
    with Database(vulnerable="pyjwt") as database:
        code, output = audit(database, tmp_path)
    assert code != 0
    assert all(said in output for said in ("pyjwt", "PYSEC-0000-1", "not known to be safe"))


def test_it_fails_when_the_database_cannot_be_asked(tmp_path: Path) -> None:
    with Database() as database:
        pass
    code, output = audit(database, tmp_path)
    assert code != 0
    assert all(said in output for said in ("Connection refused", "not known to be safe"))
    assert "Traceback" not in output
