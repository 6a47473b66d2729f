"""The image as Airbyte and people run it: every protocol command, with the least that a container may be given."""

import json
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.emulator_process import emulator as even_emulator
from integration_tests import command
from integration_tests.command import CATALOG, finished, stopped
from integration_tests.kore_emulator import NOW, Emulator, Reading, generate_rows
from source_kore_llm_logs.records.record import to_record

pytestmark = pytest.mark.image_tests

BOTS = ("st-alpha", "st-beta")
METADATA = yaml.safe_load((Path(__file__).parents[2] / "metadata.yaml").read_text())["data"]
CONFINED = ("--read-only", "--user=12345:12345", "--cap-drop=ALL", "--security-opt=no-new-privileges")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    rows = {
        bot: generate_rows(bot, NOW - timedelta(days=200), NOW - timedelta(minutes=5), 700, seed)
        for seed, bot in enumerate(BOTS)
    }
    with Emulator(rows, Reading(largest_limit=100)) as running:
        yield running


def ids(emulator: Emulator) -> set[str]:
    return {to_record(bot, row)["id"] for bot in BOTS for row in emulator.rows(bot)}


def container(image: str, folder: Path, protocol_command: str, *options: str, **documents: Any) -> list[str]:
    """The command line that runs a protocol command in the image, its documents mounted as files."""
    folder.chmod(0o755)
    arguments = [protocol_command]
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
        arguments += [f"--{name}", f"/documents/{name}.json"]
    return ["docker", "run", "--rm", f"--volume={folder}:/documents:ro", *options, image, *arguments]


def test_spec_needs_no_network_and_is_that_of_the_command_line(image: str, tmp_path: Path) -> None:
    outcome = finished(container(image, tmp_path, "spec", "--network=none"))
    assert outcome.code == 0
    assert outcome.of_type("SPEC") == command.run("spec").of_type("SPEC")


def test_a_read_needs_no_user_of_its_own_no_capability_and_a_root_that_nobody_can_write_to(
    image: str, emulator: Emulator, tmp_path: Path
) -> None:
    documents = {"config": emulator.config(), "catalog": CATALOG}
    first = finished(container(image, tmp_path, "read", *CONFINED, **documents))
    second = finished(container(image, tmp_path, "read", *CONFINED, **documents, state=first.states))
    assert [(outcome.code, outcome.stderr) for outcome in (first, second)] == [(0, "")] * 2
    assert first.ids == dict.fromkeys(ids(emulator), 1)
    assert len(second.records) < len(first.records) / 10


def test_without_a_network_the_check_says_so_in_one_sentence(image: str, emulator: Emulator, tmp_path: Path) -> None:
    config = {**emulator.config(), "host": "platform.kore.ai"}
    outcome = finished(container(image, tmp_path, "check", "--network=none", config=config))
    assert outcome.code == 1
    message = outcome.of_type("CONNECTION_STATUS")[-1]["connectionStatus"]["message"]
    assert "cannot reach platform.kore.ai" in message
    assert "Traceback" not in outcome.stdout + outcome.stderr


def sigterm(name: str) -> Callable[[int], object]:
    """Sends SIGTERM to process 1 of the container of this name."""
    return lambda _: subprocess.run(["docker", "kill", "--signal=TERM", name], check=True, capture_output=True)


def test_sigterm_ends_a_read_in_seconds_at_a_whole_line_and_the_next_goes_on_from_its_last_state(
    image: str, emulator: Emulator, tmp_path: Path
) -> None:
    emulator.reading = Reading(largest_limit=20, latency_seconds=0.3)
    config = emulator.config(window_days=30)
    name = f"kore-{uuid.uuid4().hex}"
    line = container(image, tmp_path, "read", f"--name={name}", config=config, catalog=CATALOG)
    outcome = stopped(line, sigterm(name), after='"type":"STATE"')
    assert outcome.code == 143
    assert outcome.stdout.endswith("\n")
    assert 0 < len(outcome.ids) < len(ids(emulator))
    emulator.reading = Reading()
    rest = finished(container(image, tmp_path, "read", config=config, catalog=CATALOG, state=outcome.states[-1:]))
    assert rest.code == 0
    assert len(rest.records) < len(ids(emulator))
    assert set(outcome.ids) | set(rest.ids) == ids(emulator)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_python_can_handle_it_ends_process_1(
    image: str, tmp_path: Path, number: signal.Signals
) -> None:
    # Python imports this before anything of the connector.
    (tmp_path / "sitecustomize.py").write_text(f"import os\nos.kill(os.getpid(), {number:d})")
    outcome = finished(container(image, tmp_path, "spec", "--env=PYTHONPATH=/documents"))
    assert outcome.code == 128 + number
    assert outcome.of_type("SPEC") == []


def test_a_read_of_usual_rows_fits_into_the_memory_that_the_metadata_asks_for(image: str, tmp_path: Path) -> None:
    (job,) = METADATA["resourceRequirements"]["jobSpecific"]
    size = int(job["resourceRequirements"]["memory_request"].removesuffix("Mi"))
    capped = (f"--memory={size}m", f"--memory-swap={size}m")
    script = "cd /sys/fs/cgroup && cat memory/memory.limit_in_bytes memory.max 2>/dev/null; true"
    line = ["docker", "run", "--rm", *capped, "--entrypoint=sh", image, "-c", script]
    seen = subprocess.run(line, capture_output=True, text=True, check=False)
    if seen.stdout.strip() != str(size * 2**20):
        pytest.skip(f"this machine does not cap a container's memory: {(seen.stdout + seen.stderr).strip()}")
    # Up to 16 parts are read at once, each with a whole page.
    with even_emulator(rows=40_000, bots=4, payload_bytes=2500, days=720) as config:
        outcome = finished(container(image, tmp_path, "read", *capped, config=config, catalog=CATALOG))
    assert outcome.code == 0
    assert len(outcome.ids) == 40_000


def test_the_image_is_labelled_and_does_not_run_as_root(image: str) -> None:
    inspected = subprocess.run(["docker", "image", "inspect", image], capture_output=True, text=True, check=True)
    config = json.loads(inspected.stdout)[0]["Config"]
    labels = config["Labels"]
    assert labels["io.airbyte.name"] == METADATA["dockerRepository"]
    assert labels["io.airbyte.version"] == METADATA["dockerImageTag"]
    assert config["User"].split(":")[0] not in ("", "0", "root")
    environment = dict(entry.split("=", 1) for entry in config["Env"])
    assert config["Entrypoint"] == environment["AIRBYTE_ENTRYPOINT"].split()


def test_what_only_the_build_needs_is_not_in_the_image(image: str) -> None:
    script = "ls -d /connector/bin/pip* /poetry /build /root/.cache/pip 2>/dev/null; find /connector -name tests"
    listed = subprocess.run(
        ["docker", "run", "--rm", "--user=0", "--entrypoint=sh", image, "-c", script],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert listed.stdout == ""
