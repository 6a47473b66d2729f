"""What the README and the docs page tell a person to type does what they say: the blocks themselves are run.

Blocks that need the image are run with the other tests of the image; elsewhere only their shape is checked.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration_tests.command import parse, run
from integration_tests.documents import PAGE, README, ROOT, block, blocks
from integration_tests.kore_emulator import NOW, Emulator, Reading, generate_rows
from source_kore_llm_logs.records.record import to_record

BOT = "st-alpha"
ROWS = generate_rows(BOT, NOW - timedelta(days=100), NOW - timedelta(minutes=90), 120, seed=5)
NEW_ROWS = generate_rows(BOT, NOW - timedelta(minutes=15), NOW - timedelta(minutes=5), 20, seed=6)
IMAGE = f"airbyte/source-kore-llm-logs:{yaml.safe_load((ROOT / 'metadata.yaml').read_text())['data']['dockerImageTag']}"
PYAIRBYTE = ROOT / ".venv-demo/bin/python"
DLT = ROOT / ".venv-dbt/bin/python"
DISCOVER, READ = "source-kore-llm-logs discover", "source-kore-llm-logs read"
COMMANDS = {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "AIRBYTE_OFFLINE_MODE": "1",
    "DO_NOT_TRACK": "1",
}

needs_dlt = pytest.mark.skipif(not DLT.exists(), reason="dlt is not installed: make .venv-dbt/.installed")
needs_pyairbyte = pytest.mark.skipif(not PYAIRBYTE.exists(), reason="PyAirbyte is not installed: make destinations")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator({BOT: ROWS}, Reading(largest_limit=100)) as running:
        yield running


@pytest.fixture
def folder(emulator: Emulator, tmp_path: Path) -> Path:
    """Where a person has put `config.json`, and the environment into which the connector is installed."""
    (tmp_path / "config.json").write_text(json.dumps(emulator.config()))
    (tmp_path / ".venv-kore").symlink_to(Path(sys.executable).parent.parent)
    return tmp_path


def ran(line: list[Any], folder: Path, text: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = os.environ | COMMANDS | environment
    return subprocess.run(
        line, input=text, cwd=folder, env=variables, capture_output=True, text=True, timeout=240, check=False
    )


def typed(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a block as a shell does, up to the first command that fails."""
    return ran(["sh", "-e"], folder, text)


def well(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ids(rows: list[dict[str, Any]]) -> set[str]:
    return {to_record(BOT, row)["id"] for row in rows}


def records(messages: str) -> list[dict[str, Any]]:
    return [message["record"]["data"] for message in parse(messages) if message["type"] == "RECORD"]


def in_the_files(folder: Path) -> list[str]:
    """The ids in the file of records."""
    return [json.loads(line)["id"] for line in (folder / "kore/llm_usage_logs.jsonl").read_text().splitlines()]


def test_the_readmes_configuration_is_what_the_spec_requires() -> None:
    config = json.loads(block(README, "Your own bots", '"client_secret"'))
    (message,) = run("spec").of_type("SPEC")
    assert list(config) == message["spec"]["connectionSpecification"]["required"]


def test_the_readmes_commands_check_and_sync_and_sync_again_what_is_new(emulator: Emulator, folder: Path) -> None:
    commands = block(README, "Your own bots", "source-kore-llm-logs check")
    assert '"status":"SUCCEEDED"' in well(typed(commands, folder))
    assert sorted(in_the_files(folder)) == sorted(ids(ROWS))
    emulator.add_rows(BOT, NEW_ROWS)
    well(typed(commands, folder))
    assert sorted(in_the_files(folder)) == sorted(ids(ROWS + NEW_ROWS))


def test_the_line_for_cron_keeps_what_was_read_and_tells_a_failure_once(emulator: Emulator, folder: Path) -> None:
    (line,) = re.findall(r"^17 \* \* \* \* (.+)$", PAGE.read_text(), re.M)
    line = line.replace("/srv/kore", shlex.quote(str(folder)))

    def by_cron() -> int:
        bare = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
        return subprocess.run(["sh", "-c", line], cwd="/", env=bare, timeout=120, check=False).returncode

    gone = "st-retired"
    (folder / "config.json").write_text(json.dumps(emulator.config(bot_ids=[gone, BOT])))
    assert by_cron() == 1
    log = (folder / "sync.log").read_text()
    assert f"Bot {gone}: a wrong bot id" in log.splitlines()[-1]
    assert log.count("a wrong bot id") == 1
    assert set(in_the_files(folder)) == ids(ROWS)
    emulator.add_rows(BOT, NEW_ROWS)
    assert by_cron() == 1
    assert sorted(in_the_files(folder)) == sorted(ids(ROWS + NEW_ROWS))  # It went on, and did not begin anew.


def protocol(before: str = "", after: str = "") -> str:
    """The protocol's commands, from one of them to before another."""
    commands = block(PAGE, "Usage on the command line", "> catalog.json")
    return commands[commands.index(before) : commands.index(after) if after else None]


def test_the_protocols_commands_read_every_row(folder: Path) -> None:
    printed = well(typed(protocol(), folder))
    assert '"type":"SPEC"' in printed
    assert '"status":"SUCCEEDED"' in printed
    assert {record["id"] for record in records((folder / "messages.jsonl").read_text())} == ids(ROWS)


def test_a_config_that_cannot_be_used_is_told_in_the_protocols_commands_by_one_sentence_each(folder: Path) -> None:
    (folder / "config.json").write_text("{}")
    said = "The file given by --config must hold a JSON object with the fields of the configuration.\n"
    assert typed(protocol(DISCOVER, READ), folder).stderr == said
    read = typed(protocol(READ), folder)
    assert (read.returncode, read.stderr) == (1, said)


@needs_dlt
def test_the_dlt_script_loads_every_record_once_with_payloads_as_json(emulator: Emulator, folder: Path) -> None:
    script = block(PAGE, "Usage with dlt", "import dlt")
    counted = (
        script
        + """
with pipeline.sql_client() as client:
    (count,) = client.execute_sql("SELECT count(DISTINCT id) FROM llm_usage_logs")[0]
    kinds = client.execute_sql("SELECT DISTINCT data_type FROM information_schema.columns WHERE column_name IN "
                               "('request_payload', 'response_payload', 'additional_columns')")
    tables = client.execute_sql("SELECT count(DISTINCT table_name) FROM information_schema.tables "
                                "WHERE table_name LIKE 'llm_%'")
print("found:", count, kinds, tables)
"""
    )
    sync = block(README, "Your own bots", "source-kore-llm-logs check")
    for stored in (len(ROWS), len(ROWS + NEW_ROWS)):
        well(typed(sync, folder))
        environment = {"RUNTIME__DLTHUB_TELEMETRY": "false", "DLT_DATA_DIR": str(folder / "dlt")}
        done = ran([DLT, "-c", counted], folder, **environment)
        assert f"found: {stored} [('JSON',)] [(1,)]" in well(done)
        emulator.add_rows(BOT, NEW_ROWS)


def by_pyairbyte(script: str, folder: Path) -> tuple[int, int]:
    """How many records a PyAirbyte script read, and how many its cache then holds."""
    told = script + '\nprint("read:", result.processed_records, "stored:", len(calls))\n'
    said = re.search(r"read: (\d+) stored: (\d+)", well(ran([PYAIRBYTE, "-c", told], folder)))
    assert said
    return int(said[1]), int(said[2])


@pytest.mark.pyairbyte
@needs_pyairbyte
def test_the_pyairbyte_script_reads_every_row_and_goes_on_from_its_cache(emulator: Emulator, folder: Path) -> None:
    script = block(PAGE, "Usage with PyAirbyte", "local_executable")
    assert by_pyairbyte(script, folder) == (len(ROWS), len(ROWS))
    emulator.add_rows(BOT, NEW_ROWS)
    assert by_pyairbyte(script, folder) == (len(NEW_ROWS), len(ROWS) + len(NEW_ROWS))


def docker_blocks() -> list[list[str]]:
    """The commands of all blocks that run the image."""
    found = [one for page in (README, PAGE) for one in blocks(page.read_text()) if "docker run" in one]
    lines = "".join(found).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines]


def test_the_docker_commands_name_the_image_and_files_that_they_mount() -> None:
    runs = [line for line in docker_blocks() if line[:2] == ["docker", "run"]]
    assert [line[line.index(IMAGE) + 1] for line in runs] == ["check", "-m", "-m", "spec", "check", "discover", "read"]
    for line in runs:
        is_in_the_folder = "$PWD:/work" in line and "/work" in line[line.index("$PWD:/work") + 1 :]
        assert any(word.endswith(".json") for word in line) is is_in_the_folder
        assert ("-m" in line) is (line[line.index(IMAGE) - 1] == "python")
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
    well(typed(protocol(DISCOVER, READ), folder))
    runs = [line for line in docker_blocks() if line[:2] == ["docker", "run"]]
    text = "\n".join(shlex.join(line) for line in runs).replace("'$PWD:/work'", '"$PWD:/work"')
    printed = well(typed(text.replace("'$(id -u)'", '"$(id -u)"').replace(IMAGE, image), folder))
    assert '"type":"SPEC"' in printed
    assert '"status":"SUCCEEDED"' in printed
    assert '"type":"CATALOG"' in printed
    assert {record["id"] for record in records(printed)} == ids(ROWS)
    assert set(in_the_files(folder)) == ids(ROWS)


@pytest.mark.image_tests
@needs_pyairbyte
def test_the_pyairbyte_script_reads_every_row_from_the_image(image: str, folder: Path) -> None:
    assert by_pyairbyte(in_the_image(image), folder) == (len(ROWS), len(ROWS))


def test_a_database_that_is_not_there_is_refused_and_not_made(tmp_path: Path) -> None:
    missing = tmp_path / "kore.duckdb"
    done = ran(["make", "--silent", "dbt", f"DATABASE={missing}"], ROOT)
    assert done.returncode != 0
    assert done.stderr.startswith(f"There is no {missing}. Name the DuckDB file")
    assert not missing.exists()


def test_pyairbytes_script_and_make_dbt_name_the_same_file() -> None:
    (written,) = re.findall(r'DuckDBCache\(db_path="(.+?)"\)', PAGE.read_text())
    named = re.findall(r"make dbt DATABASE=(\S+?)[`\s]", README.read_text() + PAGE.read_text())
    assert set(named) == {written}
