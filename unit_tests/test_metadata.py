"""`metadata.yaml` is valid, and agrees with what it speaks of (its version: `test_versions.py`)."""

import json
import re
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[1]
METADATA = yaml.safe_load((ROOT / "metadata.yaml").read_text())
DATA = METADATA["data"]
MANIFEST = yaml.safe_load((ROOT / "source_kore_llm_logs" / "manifest.yaml").read_text())


def text(name: str) -> str:
    return (ROOT / name).read_text()


def found(pattern: str, name: str) -> list[str]:
    """What the pattern's group matches in a file, line by line."""
    return re.findall(pattern, text(name), re.MULTILINE)


@pytest.mark.skipif(
    find_spec("airbyte_connector_models") is None,
    reason="airbyte-connector-models, which holds the schema, is made for Python below 3.13",
)
def test_the_metadata_is_valid_against_airbytes_schema() -> None:
    file = files("airbyte_connector_models") / "metadata" / "v0" / "ConnectorMetadataDefinitionV0.json"
    # Its references count from the top of the file, which the ids of its parts would deny.
    schema = json.loads(file.read_text(), object_hook=lambda part: {k: v for k, v in part.items() if k != "$id"})
    as_json = json.loads(json.dumps(METADATA, default=str))
    jsonschema.Draft7Validator(schema).validate(as_json)


def test_the_image_that_the_readme_runs_is_that_of_this_version() -> None:
    assert set(found(rf"{DATA['dockerRepository']}:(\d\S+)", "README.md")) == {DATA["dockerImageTag"]}


def test_the_dockerfile_builds_on_the_base_that_the_metadata_names() -> None:
    assert found(r"^ARG BASE_IMAGE=(\S+)$", "Dockerfile") == [DATA["connectorBuildOptions"]["baseImage"]]
    assert re.fullmatch(r"docker\.io/\S+:[\d.]+@sha256:[0-9a-f]{64}", DATA["connectorBuildOptions"]["baseImage"])


def test_the_image_and_the_environments_are_made_with_the_same_poetry() -> None:
    pins = r"(poetry(?:-plugin-export)?==[\d.]+)"
    assert len(found(pins, "Dockerfile")) == 2
    assert found(pins, "Dockerfile") == found(pins, ".ci/tools-requirements.txt")


def test_names_and_licence_agree() -> None:
    (name,) = found(r'^name = "(.+)"$', "pyproject.toml")
    assert DATA["dockerRepository"] == f"airbyte/{name}"
    assert DATA["githubIssueLabel"] == name
    assert found(r"io\.airbyte\.name=(\S+)", "Dockerfile") == [DATA["dockerRepository"]]
    assert found(r'^license = "(.+)"$', "pyproject.toml") == [DATA["license"]]
    assert text("LICENSE").startswith(DATA["license"])
    assert DATA["documentationUrl"] == MANIFEST["spec"]["documentation_url"]
    assert (ROOT / DATA["icon"]).is_file()


def test_the_hosts_allowed_and_the_streams_suggested_exist() -> None:
    fields = [re.fullmatch(r"\$\{(\w+)\}", host) for host in DATA["allowedHosts"]["hosts"]]
    known = MANIFEST["spec"]["connection_specification"]["properties"]
    assert fields
    assert all(field and field[1] in known for field in fields)
    assert DATA["suggestedStreams"]["streams"] == [stream["name"] for stream in MANIFEST["streams"]]
