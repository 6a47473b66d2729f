"""What documents and workflows tell people to run or to open is there; the docs page keeps Airbyte's template, and
says what the connector really has."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration_tests.documents import PAGE, README, ROOT, headings, section, table
from source_kore_llm_logs.manifest import MANIFEST, SPECIFICATION
from source_kore_llm_logs.reading.span import DAY, LONGEST_PART
from source_kore_llm_logs.records.record import SCHEMA

PROPERTIES: dict[str, dict[str, Any]] = SPECIFICATION["properties"]
COLUMNS: dict[str, dict[str, Any]] = json.loads(SCHEMA.read_text())["properties"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CI = ROOT / ".github" / "workflows" / "ci.yml"
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
TARGETS = set(re.findall(r"^([a-z][a-z-]*):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))

FENCED = re.compile(r"^ *```.*?\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
IN_TEXT = re.compile(r"`([^`\n]+)`")


def anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lstrip("# ").lower()).replace(" ", "-")


def code(path: Path) -> Iterator[str]:
    """Of a Markdown file its fenced blocks, and what stands between backticks; of a workflow its scripts."""
    if path.suffix == ".md":
        yield from FENCED.findall(path.read_text())
        yield from IN_TEXT.findall(FENCED.sub("", path.read_text()))
    else:
        for job in yaml.safe_load(path.read_text())["jobs"].values():
            yield from (step.get("run", "") for step in job.get("steps", []))


@pytest.mark.parametrize("path", [*WORKFLOWS, *DOCUMENTS], ids=lambda path: path.name)
def test_every_make_target_that_it_names_exists(path: Path) -> None:
    commands = re.findall(r"\bmake((?: +[a-z-]+)+)", "\n".join(code(path)))
    named = {word for command in commands for word in command.split() if not word.startswith("-")}
    assert named - TARGETS == set()


def test_the_guide_beside_airbytes_form_has_no_link_into_what_is_hidden_there_and_no_bold_pipe() -> None:
    page = PAGE.read_text()
    assert page.count("<HideInUI>") == page.count("</HideInUI>") > 0
    shown = FENCED.sub("", re.sub(r"<HideInUI>.*?</HideInUI>", "", page, flags=re.DOTALL))
    anchors = re.findall(r"\]\(#([\w-]+)\)", shown)
    assert anchors
    assert set(anchors) <= {anchor(heading) for heading in re.findall(r"^#+ .*$", shown, re.MULTILINE)}
    # markdown-to-jsx, which shows it, takes the bar for a table's and prints the asterisks.
    assert re.findall(r"\*\*[^*\n|]*\|[^*\n|]*\*\*", shown) == []


def test_ci_runs_what_make_test_leaves_out_and_each_check_of_the_code_once() -> None:
    jobs = yaml.safe_load(CI.read_text())["jobs"]
    assert set(jobs["room"]["strategy"]["matrix"]["target"]) <= TARGETS
    assert "strategy" not in jobs["check"]
    here = set(re.search(r"^for target in test (.+); do$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)[1].split())
    assert here == set(jobs["room"]["strategy"]["matrix"]["target"])


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "AGENTS.md", "README.md"])
def test_every_file_of_the_project_that_it_names_exists(name: str) -> None:
    text = FENCED.sub("", (ROOT / name).read_text())
    paths = [span for span in IN_TEXT.findall(text) if re.fullmatch(r"[a-z_]+/[\w./-]*|[A-Z]+\.md", span)]
    made = {"secrets/", "kore/llm_usage_logs.jsonl", "kore/state.json"}
    assert [path for path in paths if path not in made and not (ROOT / path).exists()] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_job_has_only_the_rights_that_it_names(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {}
    rights = {name: job["permissions"] for name, job in workflow["jobs"].items()}
    written = {(name, right) for name, job in rights.items() for right, access in job.items() if access == "write"}
    assert written == ({("image", "packages"), ("publish", "id-token")} if path.stem == "release" else set())


def documented_columns() -> dict[str, str]:
    """Column -> type, of the docs page's table."""
    rows = table(section(PAGE, "Supported Streams"))
    return {name: kind for names, kind, _ in rows for name in re.findall(r"`(\w+)`", names)}


def test_the_headings_are_airbytes_in_airbytes_order() -> None:
    # The order of Airbyte's standard template (connectors_qa, "documentation headers"); a connector's own headings may
    # stand where it has "...", as the template allows.
    template = (ROOT / "unit_tests/fixtures/docs_headings.txt").read_text().splitlines()
    found = headings(PAGE)
    for expected, following in zip(template, [*template[1:], None], strict=True):
        if expected == "...":
            found = found[found.index(following) :]
        else:
            assert found.pop(0) == expected
    assert found == []


def test_every_column_is_in_the_table_with_its_type() -> None:
    documented = documented_columns()
    assert sorted(documented) == sorted(COLUMNS)
    for name, column in COLUMNS.items():
        is_required = name in ("id", "bot_id")
        (kind,) = [column["type"]] if is_required else set(column["type"]) - {"null"}
        kind = column.get("airbyte_type", "JSON object" if kind == "object" else kind)
        assert documented[name] == kind.replace("_", " ").replace("timezone", "time zone"), name
        assert is_required or "null" in column["type"], name


def test_the_readme_lists_the_same_columns() -> None:
    listed = section(README, "What you get").split("primary key `id`:")[1].split("What each means")[0]
    assert re.findall(r"`(\w+)`", listed) == list(documented_columns())


def test_every_required_field_is_under_prerequisites() -> None:
    prerequisites = section(PAGE, "Prerequisites")
    assert all(f"**{PROPERTIES[name]['title']}" in prerequisites for name in SPECIFICATION["required"])


@pytest.mark.parametrize("document", [PAGE, README], ids=["docs page", "README"])
def test_fields_named_in_the_text_exist(document: Any) -> None:
    text = document.read_text()
    anchors = re.findall(r'<FieldAnchor field="([^"]+)">', text)
    in_bold = [title for title in re.findall(r"\*\*([^*:]+)\*\*", text) if title.startswith(("JWT", "Requests per"))]
    assert set(anchors) <= set(PROPERTIES)
    assert set(in_bold) <= {field["title"] for field in PROPERTIES.values()}


def test_the_readmes_table_has_every_field_and_its_default() -> None:
    rows = table(section(README, "Configuration"))
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(named) == sorted(PROPERTIES)
    for names, default, _ in rows:
        for name, said in zip(re.findall(r"`(\w+)`", names), default.split(", "), strict=False):
            if (value := PROPERTIES[name].get("default")) is not None:
                assert said.strip("`") == json.dumps(value).strip('"'), name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_within_the_project_lead_somewhere(document: Any) -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", document.read_text()) if not link.startswith("http")]
    for link in links:
        path, _, name = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        if name:
            assert name in map(anchor, headings(target)), link


@pytest.mark.parametrize(
    "text",
    [PAGE.read_text(), README.read_text(), PROPERTIES["window_days"]["description"]],
    ids=["docs page", "README", "form"],
)
def test_the_longest_part_is_that_of_the_reader(text: str) -> None:
    days = LONGEST_PART // DAY
    assert f"above {days}, {days} is used" in " ".join(text.split())


# One version in every file that states it; `metadata.yaml` agrees with what it speaks of.

DATA = yaml.safe_load((ROOT / "metadata.yaml").read_text())["data"]


def found(pattern: str, name: str | Path) -> list[str]:
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
def test_the_newest_version_of_each_file_is_the_version(name: str | Path, pattern: str) -> None:
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
    assert (ROOT / "LICENSE").read_text().startswith(DATA["license"])
    assert DATA["documentationUrl"] == MANIFEST["spec"]["documentation_url"]
    assert (ROOT / DATA["icon"]).is_file()
    fields = [re.fullmatch(r"\$\{(\w+)\}", host) for host in DATA["allowedHosts"]["hosts"]]
    assert fields
    assert all(field and field[1] in MANIFEST["spec"]["connection_specification"]["properties"] for field in fields)
    assert DATA["suggestedStreams"]["streams"] == [stream["name"] for stream in MANIFEST["streams"]]
