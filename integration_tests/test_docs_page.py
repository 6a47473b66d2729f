"""The docs page keeps Airbyte's template and says what the connector really has."""

import json
import re
from typing import Any

import pytest
import yaml

from integration_tests.documents import PAGE, README, ROOT, headings, section, table
from source_kore_llm_logs.reading.span import DAY, LONGEST_PART

NAME = "Kore.ai LLM Usage Logs"
SCHEMA: dict[str, dict[str, Any]] = json.loads((ROOT / "source_kore_llm_logs/schemas/llm_usage_logs.json").read_text())[
    "properties"
]
MANIFEST = yaml.safe_load((ROOT / "source_kore_llm_logs/manifest.yaml").read_text())
SPEC = MANIFEST["spec"]["connection_specification"]


def documented_columns() -> dict[str, str]:
    """Column -> type, of the docs page's table."""
    rows = table(section(PAGE, "Supported Streams"))
    return {name: kind for names, kind, _ in rows for name in re.findall(r"`(\w+)`", names)}


def test_the_headings_are_airbytes_in_airbytes_order() -> None:
    # The order of Airbyte's standard template (connectors_qa, "documentation headers"); a connector's own headings may
    # stand between those of a pair, as the template allows.
    template = [
        f"# {NAME}",
        "## Prerequisites",
        "## Setup guide",
        f"### Step 1: Set up {NAME}",
        f"### Step 2: Set up the {NAME} connector in Airbyte",
        "### For Airbyte Cloud:",
        "### For Airbyte Open Source:",
        "## Supported sync modes",
        "## Supported Streams",
        ...,
        "### Performance considerations",
        "## Data type map",
        "## Limitations & Troubleshooting",
        ...,
        "## Changelog",
    ]
    found = headings(PAGE)
    for expected, following in zip(template, [*template[1:], None], strict=True):
        if expected is ...:
            found = found[found.index(following) :]
        else:
            assert found.pop(0) == expected
    assert found == []


def test_every_column_is_in_the_table_with_its_type() -> None:
    documented = documented_columns()
    assert sorted(documented) == sorted(SCHEMA)
    for name, column in SCHEMA.items():
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
    assert all(f"**{SPEC['properties'][name]['title']}" in prerequisites for name in SPEC["required"])


@pytest.mark.parametrize("document", [PAGE, README], ids=["docs page", "README"])
def test_fields_named_in_the_text_exist(document: Any) -> None:
    text = document.read_text()
    anchors = re.findall(r'<FieldAnchor field="([^"]+)">', text)
    in_bold = [title for title in re.findall(r"\*\*([^*:]+)\*\*", text) if title.startswith(("JWT", "Requests per"))]
    assert set(anchors) <= set(SPEC["properties"])
    assert set(in_bold) <= {field["title"] for field in SPEC["properties"].values()}


def test_the_readmes_table_has_every_field_and_its_default() -> None:
    rows = table(section(README, "Configuration"))
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(named) == sorted(SPEC["properties"])
    for names, default, _ in rows:
        for name, said in zip(re.findall(r"`(\w+)`", names), default.split(", "), strict=False):
            if (value := SPEC["properties"][name].get("default")) is not None:
                assert said.strip("`") == json.dumps(value).strip('"'), name


@pytest.mark.parametrize("document", [PAGE, README], ids=["docs page", "README"])
def test_links_within_the_project_lead_somewhere(document: Any) -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", document.read_text()) if not link.startswith("http")]
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        if anchor:
            names = [re.sub(r"[^\w -]", "", mark.lstrip("# ").lower()).replace(" ", "-") for mark in headings(target)]
            assert anchor in names, link


@pytest.mark.parametrize(
    "text",
    [PAGE.read_text(), README.read_text(), SPEC["properties"]["window_days"]["description"]],
    ids=["docs page", "README", "form"],
)
def test_the_longest_part_is_that_of_the_reader(text: str) -> None:
    days = LONGEST_PART // DAY
    assert f"above {days}, {days} is used" in " ".join(text.split())
