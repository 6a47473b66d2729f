"""The source stands being built without a config, as the CDK's own tools build it."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.models import ConfiguredAirbyteCatalog

from source_kore_llm_logs import SourceKoreLlmLogs
from source_kore_llm_logs.errors import Fault

LOGGER = logging.getLogger("airbyte")
CONFIG: dict[str, Any] = {
    "host": "platform.kore.ai",
    "bot_ids": ["st-alpha"],
    "client_id": "cs-1",
    "client_secret": "a-secret",
    "start_date": "2025-01-01",
}


@pytest.mark.parametrize("source", [SourceKoreLlmLogs(), SourceKoreLlmLogs(config=None)])
def test_a_source_built_bare_has_its_spec_and_takes_the_config_of_each_command(source: SourceKoreLlmLogs) -> None:
    assert "bot_ids" in source.spec(LOGGER).connectionSpecification["required"]
    (stream,) = source.discover(LOGGER, CONFIG).streams
    assert stream.name == "llm_usage_logs"


def test_a_source_built_bare_refuses_bad_input_no_less() -> None:
    without_bots = {**CONFIG, "bot_ids": []}
    with pytest.raises(Fault, match="`bot_ids`"):
        SourceKoreLlmLogs().check(LOGGER, without_bots)
    with pytest.raises(Fault, match="`bot_ids`"):
        list(SourceKoreLlmLogs().read(LOGGER, without_bots, ConfiguredAirbyteCatalog(streams=[])))


@pytest.mark.parametrize("command", [["check"], ["discover"], ["read", "--catalog", "catalog.json"]])
@pytest.mark.parametrize(("field", "value"), [("page_size", "many"), ("bot_ids", "a,b"), ("client_secret", 5)])
def test_whoever_launches_a_bare_source_reads_our_words_and_not_the_cdks(
    command: list[str], field: str, value: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.json").write_text(json.dumps({**CONFIG, field: value}))
    Path("catalog.json").write_text(json.dumps({"streams": []}))
    arguments = AirbyteEntrypoint.parse_args([*command, "--config", "config.json"])
    with pytest.raises(Fault, match=f"`{field}`"):
        list(AirbyteEntrypoint(SourceKoreLlmLogs()).run(arguments))


def test_a_bare_source_takes_a_number_that_is_text(tmp_path: Path) -> None:
    assert SourceKoreLlmLogs().configure({**CONFIG, "page_size": "50"}, str(tmp_path))["page_size"] == 50
