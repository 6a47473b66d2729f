"""What Airbyte's form sends for fields that nobody filled in is a configuration that `check` accepts."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from integration_tests.command import run
from integration_tests.form.picture import specification
from integration_tests.kore_emulator import NOW, Emulator, generate_rows

BOT = "st-alpha"
SPEC = specification()


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    now = NOW
    with Emulator({BOT: generate_rows(BOT, now - timedelta(days=2), now, 20, 1)}) as running:
        yield running


def checked(config: dict[str, Any]) -> dict[str, Any]:
    outcome = run("check", config=config)
    status: dict[str, Any] = outcome.of_type("CONNECTION_STATUS")[-1]["connectionStatus"]
    return status


def test_the_required_fields_and_the_defaults_are_enough(emulator: Emulator) -> None:
    defaults = {name: field["default"] for name, field in SPEC["properties"].items() if "default" in field}
    required = {name: emulator.config()[name] for name in SPEC["required"]}
    assert checked({**defaults, **required}) == {"status": "SUCCEEDED"}


def test_fields_left_empty_in_every_way_are_as_good_as_absent(emulator: Emulator) -> None:
    empty = {"array": [], "string": ""}
    optional = {
        name: empty[field["type"]]
        for name, field in SPEC["properties"].items()
        if name not in SPEC["required"] and field["type"] in empty and "enum" not in field
    }
    assert {"end_date", "channels", "task_id", "jwt_subject"} <= set(optional)
    assert checked(emulator.config(**optional)) == {"status": "SUCCEEDED"}
    filters = {"channel", "featureName", "taskId", "userIds", "channelUserIds"}
    assert emulator.requests
    assert not any(filters & set(request.body) for request in emulator.requests)
