"""One version in every file that states it; `metadata.yaml` agrees with what it speaks of.

That `metadata.yaml` is valid, Airbyte's own checks tell (`make qa`).
"""

import re
import shutil
import subprocess
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

from source_kore_llm_logs.manifest import MANIFEST

ROOT = Path(__file__).parents[1]
DATA = yaml.safe_load((ROOT / "metadata.yaml").read_text())["data"]
PAGE = "docs/integrations/sources/kore-llm-logs.md"


def found(pattern: str, name: str) -> list[str]:
    """What the pattern's group matches in a file, line by line: something."""
    matches = re.findall(pattern, (ROOT / name).read_text(), re.MULTILINE)
    assert matches, f"{name} has nothing like {pattern}"
    return matches


VERSION = found(r'^version = "(.+)"$', "pyproject.toml")[0]
RELEASED = found(r"^## \[\d+\.\d+\.\d+\] - (\d{4}-\d\d-\d\d)$", "CHANGELOG.md")[0]


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("metadata.yaml", r"^  dockerImageTag: (.+)$"),
        ("CHANGELOG.md", r"^## \[(\d.+?)\]"),
        (PAGE, r"^\| (\d+\.\d+\.\d+) "),
        ("Dockerfile", r"\.version=\"?([^\s\"]+)"),
        ("README.md", rf"{DATA['dockerRepository']}:([\w.]+)"),
        (PAGE, rf"{DATA['dockerRepository']}:([\w.]+)"),
    ],
)
def test_the_newest_version_of_each_file_is_the_version(name: str, pattern: str) -> None:
    assert found(pattern, name)[0] == VERSION
    assert name in ("CHANGELOG.md", PAGE) or set(found(pattern, name)) == {VERSION}


def test_make_prints_the_version_and_nothing_else_in_a_fresh_clone(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    done = subprocess.run(["make", "--silent", "version"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"{VERSION}\n", "")


def test_the_dates_of_the_release_agree_and_the_changelog_has_a_place_for_what_is_not_released() -> None:
    assert found(r"^\| \d+\.\d+\.\d+ \| (\S+) ", PAGE)[0] == RELEASED
    assert str(DATA["releaseDate"]) <= RELEASED
    unreleased, *headings = found(r"^## (.+)$", "CHANGELOG.md")
    assert unreleased == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading) for heading in headings)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("README.md", r'"start_date": "(.+)"'),
        ("source_kore_llm_logs/manifest.yaml", r'title: Start Date\n.+\n +examples: \["(.{10})'),
    ],
)
def test_the_sample_start_date_is_recent_enough_for_the_logs_that_kore_ai_keeps(name: str, pattern: str) -> None:
    age = date.fromisoformat(RELEASED) - date.fromisoformat(found(pattern, name)[0])
    assert timedelta(0) < age < timedelta(days=60)


def test_the_image_is_built_on_the_base_that_the_metadata_names_with_the_poetry_of_the_environments() -> None:
    assert found(r"^ARG BASE_IMAGE=(\S+)$", "Dockerfile") == [DATA["connectorBuildOptions"]["baseImage"]]
    assert re.fullmatch(r"docker\.io/\S+:[\d.]+@sha256:[0-9a-f]{64}", DATA["connectorBuildOptions"]["baseImage"])
    pins = r"(poetry(?:-plugin-export)?==[\d.]+)"
    assert found(pins, "Dockerfile") == found(pins, ".ci/tools-requirements.txt")


def test_names_and_licence_hosts_and_streams_agree() -> None:
    (name,) = found(r'^name = "(.+)"$', "pyproject.toml")
    assert (DATA["dockerRepository"], DATA["githubIssueLabel"]) == (f"airbyte/{name}", name)
    assert found(r"io\.airbyte\.name=(\S+)", "Dockerfile") == [DATA["dockerRepository"]]
    assert found(r'^license = "(.+)"$', "pyproject.toml") == [DATA["license"]]
    assert (ROOT / "LICENSE").read_text().startswith(DATA["license"])
    assert DATA["documentationUrl"] == MANIFEST["spec"]["documentation_url"]
    assert (ROOT / DATA["icon"]).is_file()
    fields = [re.fullmatch(r"\$\{(\w+)\}", host) for host in DATA["allowedHosts"]["hosts"]]
    assert fields
    assert all(field and field[1] in MANIFEST["spec"]["connection_specification"]["properties"] for field in fields)
    assert DATA["suggestedStreams"]["streams"] == [stream["name"] for stream in MANIFEST["streams"]]
