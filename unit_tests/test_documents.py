"""What documents and workflows tell people to run or to open is there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CI = ROOT / ".github" / "workflows" / "ci.yml"
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
TARGETS = set(re.findall(r"^([a-z][a-z-]*):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))

FENCED = re.compile(r"^ *```.*?\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
IN_TEXT = re.compile(r"`([^`\n]+)`")
MAKE = re.compile(r"(?:^|[(;&|]) *make +([^;&|)\"\n]*)", re.MULTILINE)


def code(document: str) -> Iterator[str]:
    """The code of a Markdown text: its fenced blocks, then what stands between backticks."""
    yield from FENCED.findall(document)
    yield from IN_TEXT.findall(FENCED.sub("", document))


def steps(workflow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for job in workflow["jobs"].values():
        yield from job.get("steps", [])


def targets_in(script: str) -> set[str]:
    """The targets of every `make` command in it, without options, variables, comments and files."""
    words = {word for line in MAKE.findall(script) for word in shlex.split(line, comments=True)}
    return {word for word in words if re.fullmatch("[a-z][a-z-]*", word)}


def named(path: Path) -> set[str]:
    if path.suffix == ".md":
        return {target for script in code(path.read_text()) for target in targets_in(script)}
    return {target for step in steps(yaml.safe_load(path.read_text())) for target in targets_in(step.get("run", ""))}


@pytest.mark.parametrize("path", [*WORKFLOWS, *DOCUMENTS], ids=lambda path: path.name)
def test_every_make_target_that_it_names_exists(path: Path) -> None:
    assert named(path) - TARGETS == set()


def test_the_guide_beside_airbytes_form_has_no_link_into_what_is_hidden_there_and_no_bold_pipe() -> None:
    page = (ROOT / "docs/integrations/sources/kore-llm-logs.md").read_text()
    assert page.count("<HideInUI>") == page.count("</HideInUI>") > 0
    shown = FENCED.sub("", re.sub(r"<HideInUI>.*?</HideInUI>", "", page, flags=re.DOTALL))
    headings = [re.sub(r"[^\w -]", "", name).strip().lower() for name in re.findall(r"^#+ (.*)$", shown, re.MULTILINE)]
    anchors = re.findall(r"\]\(#([\w-]+)\)", shown)
    assert anchors
    assert set(anchors) <= {name.replace(" ", "-") for name in headings}
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
    paths += re.findall(r"\]\(([^)#:]+)[^):]*\)", text)
    made = {"secrets/", "kore/llm_usage_logs.jsonl", "kore/state.json"}
    assert [path for path in paths if path not in made and not (ROOT / path).exists()] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_job_has_only_the_rights_that_it_names(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {}
    rights = {name: job["permissions"] for name, job in workflow["jobs"].items()}
    written = {(name, right) for name, job in rights.items() for right, access in job.items() if access == "write"}
    assert written == ({("image", "packages"), ("publish", "id-token")} if path.stem == "release" else set())
