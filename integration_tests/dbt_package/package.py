"""Runs dbt, in the environment it needs, on this repository's package."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from integration_tests.destinations.servers import REPOSITORY, environment

PACKAGE = REPOSITORY / "dbt"
# DBT_STATIC_ANALYSIS and the like of the developer's shell would change what runs.
INHERITED = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
OFFLINE = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1"}


def by_python(script: Path, *words: object, given: str = "", **settings: str) -> str:
    """What a script prints in dbt's environment, with these variables besides; its failure is one of the test."""
    line = [environment(".venv-dbt") / "python", script, *map(str, words)]
    variables = INHERITED | settings
    done = subprocess.run(line, input=given, env=variables, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@cache
def _forks() -> "subprocess.Popen[str]":
    """One for all tests of this process. It ends with it."""
    command = [str(environment(".venv-dbt") / "python"), str(Path(__file__).with_name("dbt_forks.py"))]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _answer(command: dict[str, Any]) -> dict[str, Any]:
    forks = _forks()
    forks.stdin.write(json.dumps(command) + "\n")
    forks.stdin.flush()
    return json.loads(forks.stdout.readline())


@dataclass(frozen=True)
class Warehouse:
    """Where the stream's table is: a target of the package's profiles.yml and the environment that it reads."""

    target: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    profiles: Path = PACKAGE

    def dbt(self, *arguments: str, variables: dict[str, Any] | None = None, check: bool = True) -> str:
        """What dbt printed; a failure of dbt is one of the test."""
        words = [
            *("--quiet", "--no-use-colors", "--log-path", str(self.folder / "logs")),
            *arguments,
            *("--project-dir", str(PACKAGE), "--profiles-dir", str(self.profiles)),
            *("--target", self.target, "--target-path", str(self.folder / "target")),
            *("--vars", json.dumps(variables or {})),
        ]
        settings = {**INHERITED, **OFFLINE, **self.settings}
        done = _answer({"arguments": words, "environment": settings, "folder": str(self.folder)})
        if check:
            assert done["code"] == 0, done["stdout"][-6000:] + done["stderr"][-2000:]
        else:
            assert done["code"] != 0
        return str(done["stdout"])

    def build(self, **variables: Any) -> None:
        """All but dbt's unit tests."""
        self.dbt("build", "--exclude-resource-type", "unit_test", variables=variables)

    def tables(self, **tables: str) -> dict[str, list[dict[str, Any]]]:
        """Tables by name; the value is what follows the name in the query."""
        printed = self.dbt("run-operation", "print_tables", "--args", json.dumps({"tables": tables}))
        answer = json.loads(next(line for line in printed.splitlines() if line.startswith("{")))
        return {
            name: [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
            for name, table in answer.items()
        }

    def sql(self, statement: str) -> list[Any]:
        """The rows that a statement gives on a DuckDB file."""
        with duckdb.connect(self.settings["KORE_DUCKDB"]) as database:
            return database.execute(statement).fetchall()


def on_duckdb(folder: Path, schema: str = "main") -> Warehouse:
    return Warehouse("duckdb", folder, {"KORE_DUCKDB": str(folder / "logs.duckdb"), "KORE_SCHEMA": schema})
