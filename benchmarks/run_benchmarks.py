"""Runs every contestant on the same rows, in turn, and prints what each cost: `make bench`.

CPU time and peak memory are the kernel's own account of the finished process, and so do not depend on what else the
machine does; the wall clock does. Every contestant must deliver every row, or the run fails.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from typing import Any

import jwt

from benchmarks.emulator_process import emulator, requests_so_far
from integration_tests.command import CATALOG

HERE = Path(__file__).parent
DLT_PYTHON = HERE.parent / ".venv-bench/bin/python"


@dataclass(frozen=True)
class Work:
    """What there is to read."""

    name: str
    rows: int
    payload_bytes: int
    bots: int


@dataclass(frozen=True)
class Cost:
    """What one run of one contestant took."""

    wall: float
    cpu: float
    peak_mb: float
    requests: int


Contestant = Callable[[dict[str, Any], Path], list[str]]


def command_of(*line: str | Path) -> list[str]:
    return [str(word) for word in line]


def written(folder: Path, name: str, document: Any) -> Path:
    path = folder / name
    path.write_text(json.dumps(document))
    return path


def plain(config: dict[str, Any], folder: Path) -> list[str]:
    return command_of(sys.executable, HERE / "plain_script.py", written(folder, "config.json", config))


def declarative(config: dict[str, Any], folder: Path) -> list[str]:
    catalog = json.loads(json.dumps(CATALOG))
    catalog["streams"][0] |= {"cursor_field": ["End Date"], "primary_key": []}
    return command_of(
        Path(sys.executable).parent / "source-declarative-manifest", "read",
        "--config", written(folder, "config.json", config),
        "--catalog", written(folder, "catalog.json", catalog),
        "--manifest-path", HERE / "declarative.yaml",
    )  # fmt: skip


def dlt(config: dict[str, Any], folder: Path) -> list[str]:
    claims = {"appId": config["client_id"], "sub": config["client_id"], "exp": int(time.time()) + 3600}
    config = {**config, "token": jwt.encode(claims, config["client_secret"], algorithm="HS256")}
    return command_of(DLT_PYTHON, HERE / "dlt_pipeline.py", written(folder, "config.json", config), folder)


def connector(**settings: Any) -> Contestant:
    def command(config: dict[str, Any], folder: Path) -> list[str]:
        return command_of(
            sys.executable, "-m", "source_kore_llm_logs", "read",
            "--config", written(folder, "config.json", {**config, **settings}),
            "--catalog", written(folder, "catalog.json", CATALOG),
        )  # fmt: skip

    return command


CONTESTANTS: dict[str, Contestant] = {
    "plain script": plain,
    "declarative": declarative,
    "dlt": dlt,
    "connector": connector(),
    "connector, redacted": connector(payload_content="redacted"),
}


def run(command: list[str], folder: Path, config: dict[str, Any]) -> tuple[Cost, int]:
    """The cost of one process, and how many rows it delivered."""
    before = requests_so_far(config)
    environment = {**os.environ, "RUNTIME__DLTHUB_TELEMETRY": "false", "PYTHONPATH": str(HERE.parent)}
    out, log = folder / "stdout", folder / "stderr"
    with out.open("wb") as stdout, log.open("wb") as stderr:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=stdout, stderr=stderr, cwd=HERE.parent, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} failed:\n{log.read_text()[-2000:]}\n{out.read_text()[-2000:]}")
    cost = Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, requests_so_far(config) - before)
    return cost, delivered(folder)


def delivered(folder: Path) -> int:
    lines = (folder / "stdout").open("rb")
    count = sum(line.startswith((b'{"type":"RECORD"', b'{"Prompt Name"')) for line in lines)
    for path in folder.glob("out/kore/llm_usage_logs/*.jsonl*"):
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as rows:
            count += sum(1 for _ in rows)
    return count


def measured(work: Work, repetitions: int, names: list[str]) -> dict[str, list[Cost]]:
    """Every contestant in turn, so many times over: what disturbs the machine disturbs them all."""
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    with emulator(work.rows, work.bots, work.payload_bytes) as served:
        config = {**served, "end_date": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"}
        for _ in range(repetitions):
            for name in names:
                with tempfile.TemporaryDirectory() as temporary:
                    folder = Path(temporary)
                    cost, rows = run(CONTESTANTS[name](config, folder), folder, config)
                if rows != work.rows:
                    raise RuntimeError(f"{name} delivered {rows} rows of {work.rows}")
                costs[name].append(cost)
    return costs


def table(work: Work, costs: dict[str, list[Cost]]) -> str:
    lines = [
        f"**{work.name}**",
        "",
        "| | wall, s | CPU, s | CPU s / 1,000 rows | CPU ÷ plain | CPU ÷ declarative "
        "| peak, MB | ÷ declarative | requests |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]

    def middle(name: str, what: str) -> float:
        return median(getattr(cost, what) for cost in costs[name]) if name in costs else float("nan")

    for name in costs:
        cpu, peak = middle(name, "cpu"), middle(name, "peak_mb")
        lines.append(
            f"| {name} | {middle(name, 'wall'):.1f} | {cpu:.2f} | {1000 * cpu / work.rows:.3f} "
            f"| {cpu / middle('plain script', 'cpu'):.2f} | {cpu / middle('declarative', 'cpu'):.2f} "
            f"| {peak:.0f} | {peak / middle('declarative', 'peak_mb'):.2f} | {middle(name, 'requests'):.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = ArgumentParser(prog="make bench")
    parser.add_argument("--rows", type=int, default=50_000, help="of 2.5 KB; of 50 KB it is a twenty-fifth")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--only", choices=list(CONTESTANTS), nargs="+", default=list(CONTESTANTS))
    parser.add_argument("--work", type=int, nargs="+", default=[0, 1, 2, 3], help="which of the four tables")
    options = parser.parse_args()
    small, large = options.rows, options.rows // 25
    all_work = [
        Work(f"{small:,} rows of 2.5 KB, one bot", small, 1720, 1),
        Work(f"{small:,} rows of 2.5 KB, four bots", small, 1720, 4),
        Work(f"{large:,} rows of 50 KB, one bot", large, 54_500, 1),
        Work(f"{large:,} rows of 50 KB, four bots", large, 54_500, 4),
    ]
    for work in (all_work[number] for number in options.work):
        print(table(work, measured(work, options.repetitions, options.only)), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
