"""The JSON schema's types, by the rules that Airbyte's destinations and PyAirbyte read them with."""

import jsonschema
import pytest

from integration_tests.destinations.column_types import COLUMNS, KIND, SCHEMA
from integration_tests.destinations.rows import BOTS, odd_rows, records_of

PROPERTIES = SCHEMA["properties"]


def test_every_column_has_a_type_in_the_table_of_destinations() -> None:
    assert set(PROPERTIES) == set(KIND)
    assert list(KIND) == [name for names in COLUMNS.values() for name in names.split()], "a column is listed twice"


@pytest.mark.parametrize(
    ("kind", "json_type", "airbyte_type"),
    [
        ("text", "string", None),
        ("integer", "integer", None),
        ("number", "number", None),
        ("timestamp", "string", "timestamp_with_timezone"),
    ],
)
def test_a_column_has_one_type_and_null(kind: str, json_type: str, airbyte_type: str | None) -> None:
    for column in COLUMNS[kind].split():
        types = PROPERTIES[column]["type"]
        assert types == (json_type if column in ("id", "bot_id") else ["null", json_type]), column
        assert PROPERTIES[column].get("airbyte_type") == airbyte_type, column
        assert PROPERTIES[column].get("format") == ("date-time" if kind == "timestamp" else None), column


def test_a_json_column_is_an_object_or_null_for_every_destination() -> None:
    """Every destination knows `object`: VARIANT, JSONB, JSON, SUPER. A union (`oneOf`, or a list of more types) is text
    here and a failure there, and a column without `type` stops several."""
    for column in COLUMNS["json"].split():
        said = {key: value for key, value in PROPERTIES[column].items() if key != "description"}
        assert said == {"type": ["null", "object"], "additionalProperties": True}, column


def test_a_record_with_any_payload_is_valid_by_the_schema() -> None:
    for record in records_of({bot: odd_rows(bot) for bot in BOTS}):
        jsonschema.validate(record, SCHEMA)
