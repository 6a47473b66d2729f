"""The JSON schema's types, by the rules that Airbyte's destinations and PyAirbyte read them with."""

import jsonschema
import pytest

from integration_tests.destinations.column_types import COLUMNS, KIND, SCHEMA
from integration_tests.destinations.rows import BOTS, odd_rows, records_of

PROPERTIES = SCHEMA["properties"]


def test_every_column_has_a_type_in_the_table_of_destinations() -> None:
    assert set(PROPERTIES) == set(KIND)
    assert list(KIND) == [name for names in COLUMNS.values() for name in names.split()], "a column is listed twice"


SAID = {
    "text": {"type": ["null", "string"]},
    "integer": {"type": ["null", "integer"]},
    "number": {"type": ["null", "number"]},
    "timestamp": {"type": ["null", "string"], "format": "date-time", "airbyte_type": "timestamp_with_timezone"},
    # Every destination knows `object`: VARIANT, JSONB, JSON, SUPER. A union (`oneOf`, or a list of more types) is text
    # here and a failure there, and a column without `type` stops several.
    "json": {"type": ["null", "object"], "additionalProperties": True},
}


@pytest.mark.parametrize("column", KIND)
def test_a_column_has_one_type_and_null(column: str) -> None:
    said = {key: value for key, value in PROPERTIES[column].items() if key != "description"}
    assert said == ({"type": "string"} if column in ("id", "bot_id") else SAID[KIND[column]])


def test_a_record_with_any_payload_is_valid_by_the_schema() -> None:
    for record in records_of({bot: odd_rows(bot) for bot in BOTS}):
        jsonschema.validate(record, SCHEMA)
