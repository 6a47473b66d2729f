"""The CDK's own standard tests for sources, against the emulator, as `acceptance-test-config.yml` lists them."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from airbyte_cdk.test.models import ConnectorTestScenario
from airbyte_cdk.test.standard_tests.source_base import SourceTestSuiteBase

from integration_tests.kore_emulator import Emulator, Reading, generate_rows
from source_kore_llm_logs import SourceKoreLlmLogs

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True, scope="module")
def configs() -> Iterator[None]:
    """Writes the configs that the scenarios name, and takes them away afterwards."""
    now = datetime.now(timezone.utc)
    rows = generate_rows("st-alpha", now - timedelta(days=120), now - timedelta(minutes=5), 300, 1)
    secrets = ROOT / "secrets"
    existed = secrets.exists()
    secrets.mkdir(exist_ok=True)
    names = ("config.json", "invalid_config.json")
    with Emulator({"st-alpha": rows}, Reading()) as emulator:
        good = emulator.config()
        for name, config in zip(names, (good, {**good, "bot_ids": ["st-nobody"]}), strict=True):
            (secrets / name).write_text(json.dumps(config))
        yield
    for name in names:
        (secrets / name).unlink()
    if not existed:
        secrets.rmdir()


class TestSource(SourceTestSuiteBase):
    connector = SourceKoreLlmLogs

    @classmethod
    def get_connector_root_dir(cls) -> Path:
        return ROOT

    @classmethod
    def create_connector(cls, scenario: ConnectorTestScenario | None) -> SourceKoreLlmLogs:
        """With its config: the bots are known from there (the suite would build it without one)."""
        config = json.loads((ROOT / str(scenario.config_path)).read_text()) if scenario else None
        return SourceKoreLlmLogs(config=config)
