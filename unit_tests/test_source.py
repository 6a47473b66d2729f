"""The source stands being built without a config, as the CDK's own tools build it."""

import json
import logging
import threading
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.models import ConfiguredAirbyteCatalog, ConfiguredAirbyteCatalogSerializer, Status
from airbyte_cdk.models.airbyte_protocol_serializers import AirbyteStateMessageSerializer

from integration_tests.command import CATALOG, configured
from source_kore_llm_logs import SourceKoreLlmLogs, source
from source_kore_llm_logs.components import retriever
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


def asked_by_a_check(monkeypatch: pytest.MonkeyPatch, fault: Fault, bots: int) -> tuple[int, str]:
    """How many bots were asked, each of which fails so, and what the check says. The last are never answered."""
    asked, ended, waited_for = list[int](), threading.Event(), list[int]()

    def fetch(*arguments: object) -> None:
        asked.append(1)
        if len(asked) > 2 * source.CHECKED_AT_ONCE and not ended.wait(5):
            waited_for.append(1)
        raise fault

    monkeypatch.setattr(retriever, "first_answer", fetch)
    config = {**CONFIG, "bot_ids": [f"st-{n}" for n in range(bots)]}
    status = SourceKoreLlmLogs().check(LOGGER, config)
    ended.set()
    assert waited_for == []
    assert status.status is Status.FAILED
    return len(asked), str(status.message)


@pytest.mark.parametrize(
    "fault", [Fault("no answer in time.", bot_id="st-1", about="page_size"), Fault("no host.", about="host")]
)
def test_a_check_does_not_wait_for_every_bot_of_a_server_that_answers_none(
    monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    asked, said = asked_by_a_check(monkeypatch, fault, 200)
    assert asked <= 3 * source.CHECKED_AT_ONCE + 1
    assert fault.what in said


def test_a_check_asks_every_bot_where_each_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked_by_a_check(monkeypatch, Fault("refused.", bot_id="st-1"), 30)[0] == 30


STATES = [{"partition": {"bot_id": "st-alpha"}, "cursor": {"end_date": "2999-01-01T00:00:00.000Z"}}]
STATE = {"stream_descriptor": {"name": "llm_usage_logs"}, "stream_state": {"states": STATES}}


@pytest.mark.parametrize("sync_mode", ["incremental", "full_refresh"])
def test_what_is_told_of_a_state_is_told_once_and_a_full_refresh_has_none(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, sync_mode: str
) -> None:
    state = [AirbyteStateMessageSerializer.load({"type": "STREAM", "stream": STATE})]
    catalog = ConfiguredAirbyteCatalogSerializer.load(configured(CATALOG["streams"][0]["stream"], sync_mode))
    monkeypatch.setattr(source.ConcurrentDeclarativeSource, "read", lambda self, *_: iter(()))
    with caplog.at_level(logging.WARNING):
        list(SourceKoreLlmLogs().read(LOGGER, {**CONFIG, "start_date": "2020-01-01"}, catalog, state))
    (line,) = caplog.messages
    assert ("ends in the future" if sync_mode == "incremental" else "keeps the logs of LLM calls for 365 days") in line
