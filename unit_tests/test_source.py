"""The source stands being built without a config, as the CDK's own tools build it."""

import logging
from typing import Any

import pytest
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
