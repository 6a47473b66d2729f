"""Whoever launches the source reads our words; a check does not wait for all."""

import json
import logging
import threading
from pathlib import Path

import pytest
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.models import Status

from source_kore_llm_logs import SourceKoreLlmLogs, source
from source_kore_llm_logs.components import retriever
from source_kore_llm_logs.errors import ConnectorError
from unit_tests.test_config_normalization import GOOD

LOGGER = logging.getLogger("airbyte")


@pytest.mark.parametrize("built", [SourceKoreLlmLogs(), SourceKoreLlmLogs(None, {}, None)])
def test_a_source_has_its_spec_and_takes_the_config_of_each_command(built: SourceKoreLlmLogs, tmp_path: Path) -> None:
    assert "bot_ids" in built.spec(LOGGER).connectionSpecification["required"]
    assert [stream.name for stream in built.discover(LOGGER, GOOD).streams] == ["llm_usage_logs"]
    assert built.configure({**GOOD, "page_size": "50"}, str(tmp_path))["page_size"] == 50
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [["check"], ["discover"], ["read", "--catalog", "catalog.json"]])
@pytest.mark.parametrize(("field", "value"), [("page_size", "many"), ("bot_ids", []), ("client_secret", 5)])
def test_whoever_launches_the_source_reads_our_words_and_not_the_cdks(
    command: list[str], field: str, value: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.json").write_text(json.dumps({**GOOD, field: value}))
    Path("catalog.json").write_text(json.dumps({"streams": []}))
    arguments = AirbyteEntrypoint.parse_args([*command, "--config", "config.json"])
    with pytest.raises(ConnectorError, match=f"`{field}`"):
        list(AirbyteEntrypoint(SourceKoreLlmLogs()).run(arguments))


@pytest.mark.parametrize(
    ("fault", "bots", "at_most"),
    [
        (
            ConnectorError("no answer in time.", bot_id="st-1", category="page_size"),
            200,
            3 * source.MAX_PARALLEL_CHECKS + 1,
        ),
        (ConnectorError("no host.", category="unreachable"), 200, 3 * source.MAX_PARALLEL_CHECKS + 1),
        (ConnectorError("refused.", bot_id="st-1"), 30, 30),
    ],
)
def test_a_check_asks_every_bot_and_waits_for_none_where_the_server_answers_none(
    monkeypatch: pytest.MonkeyPatch, fault: ConnectorError, bots: int, at_most: int
) -> None:
    """The last bots are never answered."""
    asked, ended, waited_for = list[int](), threading.Event(), list[int]()

    def check(*arguments: object) -> None:
        asked.append(1)
        if len(asked) > 2 * source.MAX_PARALLEL_CHECKS and not ended.wait(5):
            waited_for.append(1)
        raise fault

    monkeypatch.setattr(retriever.LogRetriever, "_check", check)
    status = SourceKoreLlmLogs().check(LOGGER, {**GOOD, "bot_ids": [f"st-{n}" for n in range(bots)]})
    ended.set()
    assert (status.status, waited_for) == (Status.FAILED, [])
    assert fault.what.rstrip(".") in str(status.message)
    assert len(asked) <= at_most
    assert len(asked) == bots or fault.category
