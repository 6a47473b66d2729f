"""What the README and the docs page tell a person to type does what they say: the blocks themselves are run.

Blocks that need the image are run with the other tests of the image; elsewhere only their shape is checked.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from integration_tests.command import finished, parse
from integration_tests.documents import PAGE, README, ROOT, block, blocks, section
from integration_tests.kore_emulator import Emulator, Reading, generate_rows
from source_kore_llm_logs.records.record import to_record

BOT = "st-alpha"
NOW = datetime.now(timezone.utc)
ROWS = generate_rows(BOT, NOW - timedelta(days=100), NOW - timedelta(minutes=90), 120, seed=5)
NEW_ROWS = generate_rows(
    BOT, NOW - timedelta(minutes=15), NOW - timedelta(minutes=5), 20, seed=6
)  # The suite may take half an hour.
IMAGE = "airbyte/source-kore-llm-logs:dev"
PYAIRBYTE = ROOT / ".venv-demo/bin/python"
COMMANDS = {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "AIRBYTE_OFFLINE_MODE": "1",
    "DO_NOT_TRACK": "1",
}

needs_jq = pytest.mark.skipif(not shutil.which("jq"), reason="the block needs jq: apt-get install jq")
needs_flock = pytest.mark.skipif(not shutil.which("flock"), reason="the block needs flock, of util-linux")
needs_pyairbyte = pytest.mark.skipif(not PYAIRBYTE.exists(), reason="PyAirbyte is not installed: make destinations")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator({BOT: ROWS}, Reading(largest_limit=100)) as running:
        yield running


@pytest.fixture
def folder(emulator: Emulator, tmp_path: Path) -> Path:
    """Where a person has put `config.json`."""
    (tmp_path / "config.json").write_text(json.dumps(emulator.config()))
    return tmp_path


def typed(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a block as a shell does, up to the first command that fails."""
    return subprocess.run(
        ["sh", "-e"], input=text, cwd=folder, env=os.environ | COMMANDS, capture_output=True, text=True, timeout=120
    )


def well(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ids(rows: list[dict[str, Any]]) -> set[str]:
    return {to_record(BOT, row)["id"] for row in rows}


def records(messages: str) -> list[dict[str, Any]]:
    return [message["record"]["data"] for message in parse(messages) if message["type"] == "RECORD"]


def catalog(folder: Path) -> None:
    well(typed(block(README, "Your own bots", "> catalog.json"), folder))


def test_the_readmes_configuration_is_what_the_spec_requires() -> None:
    config = json.loads(block(README, "Your own bots", '"client_secret"'))
    (message,) = finished([sys.executable, "-m", "source_kore_llm_logs", "spec"]).of_type("SPEC")
    assert list(config) == message["spec"]["connectionSpecification"]["required"]


@needs_jq
def test_the_readmes_commands_make_two_syncs_of_which_the_second_reads_what_is_new(
    emulator: Emulator, folder: Path
) -> None:
    shell = [one for one in blocks(section(README, "Your own bots")) if one.startswith(("source-kore", "jq"))]
    *first, second = shell
    printed = "".join(well(typed(one, folder)) for one in first)
    assert '"status":"SUCCEEDED"' in printed
    assert {record["id"] for record in records((folder / "messages.jsonl").read_text())} == ids(ROWS)
    emulator.add_rows(BOT, NEW_ROWS)
    well(typed(second, folder))
    assert {record["id"] for record in records((folder / "messages.jsonl").read_text())} == ids(NEW_ROWS)


@needs_jq
@needs_flock
def test_the_cron_script_keeps_the_state_and_a_failed_sync_changes_nothing(emulator: Emulator, folder: Path) -> None:
    catalog(folder)
    script = folder / "sync.sh"
    script.write_text(block(PAGE, "Usage on the command line", "flock"))

    def run_by_cron() -> subprocess.CompletedProcess[str]:
        return typed(f"exec sh {shlex.quote(str(script))}", Path("/"))

    def files() -> list[Path]:
        return sorted(folder.glob("records-*.jsonl"))

    def kept() -> list[str]:
        return [file.read_text() for file in (*files(), folder / "state.json")]

    def stored() -> list[str]:
        return [json.loads(line)["id"] for file in files() for line in file.read_text().splitlines()]

    well(run_by_cron())
    assert set(stored()) == ids(ROWS)
    assert len(stored()) == len(ROWS)
    before = kept()

    emulator.add_rows(BOT, NEW_ROWS)
    emulator.reading = Reading(refusals={BOT: "scope"})
    failed = run_by_cron()
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"Bot {BOT}: the app lacks the scope.")
    assert kept() == before

    emulator.reading = Reading()
    well(run_by_cron())
    assert set(stored()) == ids(ROWS + NEW_ROWS)
    assert len(stored()) == len(ROWS + NEW_ROWS)

    well(run_by_cron())
    assert set(stored()) == ids(ROWS + NEW_ROWS)


@needs_jq
@needs_flock
def test_the_cron_script_does_not_run_twice_at_once(folder: Path) -> None:
    catalog(folder)
    (folder / "sync.sh").write_text(block(PAGE, "Usage on the command line", "flock"))
    with subprocess.Popen(["flock", "sync.lock", "sleep", "60"], cwd=folder) as other:
        try:
            until_locked = "while flock -n sync.lock true; do sleep 0.05; done"
            subprocess.run(["sh", "-c", until_locked], cwd=folder, timeout=30)
            assert "still running" in well(typed("sh sync.sh", folder))
        finally:
            other.terminate()
    assert not (folder / "state.json").exists()


def by_pyairbyte(script: str, folder: Path) -> tuple[int, int]:
    """How many records a PyAirbyte script read, and how many its cache then holds."""
    told = script + '\nprint("read:", result.processed_records, "stored:", len(calls))\n'
    done = subprocess.run(
        [PYAIRBYTE, "-c", told], cwd=folder, env=os.environ | COMMANDS, capture_output=True, text=True, timeout=140
    )
    said = re.search(r"read: (\d+) stored: (\d+)", well(done))
    assert said, done.stdout
    return int(said[1]), int(said[2])


@pytest.mark.pyairbyte
@needs_pyairbyte
def test_the_pyairbyte_script_reads_every_row_and_goes_on_from_its_cache(emulator: Emulator, folder: Path) -> None:
    script = block(PAGE, "Usage with PyAirbyte", "local_executable")
    assert by_pyairbyte(script, folder) == (len(ROWS), len(ROWS))
    emulator.add_rows(BOT, NEW_ROWS)
    assert by_pyairbyte(script, folder) == (len(NEW_ROWS), len(ROWS) + len(NEW_ROWS))


def test_the_docker_commands_run_the_protocols_commands_on_files_that_they_mount() -> None:
    text = block(PAGE, "Usage on the command line", "docker build").replace("\\\n", " ")
    build, *runs = [shlex.split(line) for line in text.splitlines()]
    assert build == ["docker", "build", "-t", IMAGE, "."]
    assert [line[line.index(IMAGE) + 1] for line in runs] == ["spec", "check", "discover", "read"]
    for line in runs:
        files = [word for word in line if word.endswith(".json")]
        assert all(file.startswith("/config/") for file in files)
        assert ("$PWD:/config:ro" in line) is bool(files)
    compile(in_the_image(IMAGE), str(PAGE), "exec")


def in_the_image(image: str) -> str:
    """The PyAirbyte script with the source that the page gives for the image, of this name."""
    source = block(PAGE, "Usage with PyAirbyte", "docker_image")
    assert f'docker_image="{IMAGE}"' in source
    script, replaced = re.subn(
        r"source = ab\.get_source\(.*?\n\)\n",
        lambda _: source.replace(IMAGE, image),
        block(PAGE, "Usage with PyAirbyte", "local_executable"),
        flags=re.S,
    )
    assert replaced == 1
    return script


@pytest.mark.image_tests
def test_the_docker_commands_read_every_row(image: str, folder: Path) -> None:
    catalog(folder)
    folder.chmod(0o755)
    _, *runs = block(PAGE, "Usage on the command line", "docker build").splitlines(keepends=True)
    printed = well(typed("".join(runs).replace(IMAGE, image), folder))
    assert '"type":"SPEC"' in printed
    assert '"status":"SUCCEEDED"' in printed
    assert '"type":"CATALOG"' in printed
    assert {record["id"] for record in records(printed)} == ids(ROWS)


@pytest.mark.image_tests
@needs_pyairbyte
def test_the_pyairbyte_script_reads_every_row_from_the_image(image: str, folder: Path) -> None:
    assert by_pyairbyte(in_the_image(image), folder) == (len(ROWS), len(ROWS))


def test_the_make_commands_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^make (\w+)", "\n".join(blocks(README.read_text())), re.M))
    assert targets
    assert targets <= set(re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(), re.M))
