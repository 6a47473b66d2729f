"""One version, in every file that states it."""

import re
import shutil
import subprocess
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


def text(path: str) -> str:
    return (ROOT / path).read_text()


def first(pattern: str, path: str) -> str:
    found = re.search(pattern, text(path), re.MULTILINE)
    assert found, f"{path} has nothing like {pattern}"
    return found[1]


VERSION = first(r'^version = "(.+)"$', "pyproject.toml")
RELEASED = first(r"^## \[\d+\.\d+\.\d+\] - (\d{4}-\d\d-\d\d)$", "CHANGELOG.md")


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("metadata.yaml", r"^  dockerImageTag: (.+)$"),
        ("CHANGELOG.md", r"^## \[(\d.+?)\]"),
        ("docs/integrations/sources/kore-llm-logs.md", r"^\| (\d+\.\d+\.\d+) "),
    ],
)
def test_the_newest_version_of_each_file_is_the_version(path: str, pattern: str) -> None:
    assert first(pattern, path) == VERSION


def test_the_labels_of_the_image_name_the_version() -> None:
    labels = re.findall(r"\.version=\"?([^\s\"]+)", text("Dockerfile"))
    assert labels
    assert set(labels) == {VERSION}


@pytest.mark.parametrize("path", ["README.md", "docs/integrations/sources/kore-llm-logs.md"])
def test_the_tags_of_the_image_are_the_version(path: str) -> None:
    assert set(re.findall(r"airbyte/source-kore-llm-logs:([\w.]+)", text(path))) == {VERSION}


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("README.md", r'"start_date": "(.+)"'),
        ("source_kore_llm_logs/manifest.yaml", r'title: Start Date\n.+\n +examples: \["(.{10})'),
    ],
)
def test_the_sample_start_date_is_recent_enough_for_the_logs_that_kore_ai_keeps(path: str, pattern: str) -> None:
    age = date.fromisoformat(RELEASED) - date.fromisoformat(first(pattern, path))
    assert timedelta(0) < age < timedelta(days=60)


def test_make_prints_the_version_and_nothing_else_in_a_fresh_clone(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    done = subprocess.run(["make", "--silent", "version"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"{VERSION}\n", "")


def test_the_dates_of_the_release_agree() -> None:
    assert first(r"^\| \d+\.\d+\.\d+ \| (\S+) ", "docs/integrations/sources/kore-llm-logs.md") == RELEASED
    assert str(yaml.safe_load(text("metadata.yaml"))["data"]["releaseDate"]) <= RELEASED


def test_the_changelog_has_a_place_for_what_is_not_released() -> None:
    headings = re.findall(r"^## (.+)$", text("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading) for heading in headings[1:])
