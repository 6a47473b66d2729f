"""The JSON schema's types, by the rules that Airbyte's destinations and PyAirbyte read them with."""

from datetime import datetime, timezone

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


@pytest.mark.parametrize("column", ["request_payload", "response_payload"])
def test_a_payload_is_any_json_for_every_destination(column: str) -> None:
    """`oneOf` without `type` is a union for Airbyte's destinations: VARIANT, JSONB or JSON, with any value in it.

    `type: object` would make a text null there. A list of types would be taken for its first of array, object, text:
    BigQuery would make every object null. PyAirbyte knows no union; `airbyte_type` tells it JSON.
    """
    payload = PROPERTIES[column]
    assert "type" not in payload
    assert {option["type"] for option in payload["oneOf"]} == {
        "object", "array", "string", "number", "boolean", "null",
    }  # fmt: skip
    assert payload["airbyte_type"] == "object"


def test_a_record_with_any_payload_is_valid_by_the_schema() -> None:
    for record in records_of({bot: odd_rows(bot) for bot in BOTS}):
        jsonschema.validate(record, SCHEMA)


def test_the_schema_refuses_what_is_not_its_type() -> None:
    record = records_of({BOTS[0]: odd_rows(BOTS[0])[:1]})[0]
    moment = datetime.now(timezone.utc)
    for column, wrong in (("time_taken_ms", 1.5), ("temperature", "hot"), ("user_id", 7), ("request_payload", moment)):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**record, column: wrong}, SCHEMA)
