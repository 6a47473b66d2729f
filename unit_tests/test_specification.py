"""The form that Airbyte makes of the specification takes what the connector takes, and says what it does by default."""

import re
from datetime import date, datetime, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft201909Validator

from integration_tests.form.picture import PICTURE, signature, specification
from source_kore_llm_logs.components.config_normalization import parse_config_date
from source_kore_llm_logs.errors import ConnectorError
from source_kore_llm_logs.manifest import named
from unit_tests.test_config_normalization import by_field, exact

SPEC = specification()
PROPERTIES: dict[str, dict[str, Any]] = SPEC["properties"]
OPTIONAL = {name: field for name, field in PROPERTIES.items() if name not in SPEC["required"]}


def taken(**changes: Any) -> dict[str, Any]:
    """What the connector makes of a configuration; raises ConnectorError for what it refuses."""
    return exact(**{"start_date": "2025-01-01", **changes})


@given(
    st.from_regex(PROPERTIES["start_date"]["pattern"], fullmatch=True).filter(
        lambda text: text[:10] not in ("", "0001-01-01", "9999-12-31")
    )
)
def test_a_date_that_the_form_takes_is_refused_only_where_the_calendar_has_no_such_day(text: str) -> None:
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        with pytest.raises(ConnectorError, match=r"`end_date`\) is not a date of the calendar"):
            taken(end_date=text)
    else:
        assert parse_config_date(text).tzinfo is timezone.utc


@given(st.datetimes(min_value=datetime(1000, 1, 1)))
def test_what_airbytes_date_picker_writes_is_taken_as_that_moment(moment: datetime) -> None:
    written = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert parse_config_date(written).strftime("%Y-%m-%dT%H:%M:%SZ") == written


QUOTES = ["''", '""', "``", "“”", "„“", "«»", "\u2018\u2019"]
QUOTED = [(name, f" {quotes[0]}cs-1{quotes[1]}\n") for name in ("client_id", "client_secret") for quotes in QUOTES]


@pytest.mark.parametrize(("name", "text"), [*by_field("refused by the form"), *QUOTED])
def test_what_is_written_wrong_is_refused_by_the_form_and_by_the_connector_in_its_words(name: str, text: str) -> None:
    assert re.search(PROPERTIES[name]["pattern"], text) is None
    example = f", for example {PROPERTIES[name]['examples'][0]}" if "examples" in PROPERTIES[name] else ""
    wanted = re.escape(f"{PROPERTIES[name]['pattern_descriptor']}{example}.")
    with pytest.raises(ConnectorError, match=rf"`{name}`\) must be {wanted}$"):
        taken(**{name: text})


@pytest.mark.parametrize("name", ["client_id", "client_secret"])
@pytest.mark.parametrize("quotes", QUOTES)
def test_quotes_within_a_value_are_its_own(name: str, quotes: str) -> None:
    assert taken(**{name: f"cs{quotes}-1{quotes[1]}"})[name] == f"cs{quotes}-1{quotes[1]}"


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=4)


@st.composite
def near(draw: st.DrawFn, name: str) -> Any:
    """A value of any JSON type, or what the field takes, often with something put into its text."""
    field = PROPERTIES[name]
    example = draw(st.sampled_from(field.get("examples") or field.get("enum") or ["secret"]))
    text = str(example[0] if isinstance(example, list) else example)
    place = draw(st.integers(0, len(text)))
    odd = text[:place] + draw(st.text(max_size=4) | st.sampled_from([" ", "/ ", "\n", "?", ":1"])) + text[place:]
    return draw(st.sampled_from([[odd] if isinstance(example, list) else odd, example]) | VALUES)


@pytest.mark.parametrize("name", PROPERTIES)
@settings(max_examples=40)
@given(data=st.data())
def test_what_is_taken_meets_the_specification_or_a_fault_names_a_field(name: str, data: st.DataObject) -> None:
    """The CDK holds to the specification what was made exact. Its own message would name neither field nor remedy."""
    faults = []
    try:
        config = taken(**{name: data.draw(near(name))})
        faults = [error.message for error in Draft201909Validator(SPEC).iter_errors(config)]
    except ConnectorError as fault:
        faults = [] if any(fault.message.startswith(told) for told in map(named, PROPERTIES)) else [fault.message]
    assert faults == []


def test_airbytes_server_does_not_hold_a_date_to_the_picker_format() -> None:
    # It validates by the draft that `$schema` names. In those before 2019-09 `format` is an assertion there, and
    # date-time would refuse the plain date that the form and the connector accept.
    assert {PROPERTIES[name]["format"] for name in ("start_date", "end_date")} == {"date-time"}
    assert SPEC["$schema"] == "https://json-schema.org/draft/2019-09/schema"


def test_examples_and_defaults_are_values_that_the_field_accepts() -> None:
    Draft201909Validator.check_schema(SPEC)
    for name, field in PROPERTIES.items():
        says_it_all = "enum" in field or field["type"] == "boolean" or field.get("airbyte_secret")
        assert field.get("examples") or says_it_all, name
        for value in [*field.get("examples", []), *([field["default"]] if "default" in field else [])]:
            assert Draft201909Validator(field).is_valid(value), (name, value)
    defaults = {name: field["default"] for name, field in PROPERTIES.items() if "default" in field}
    assert taken(**defaults).keys() >= defaults.keys()  # What the form sends where nobody filled in anything.


@pytest.mark.parametrize("name", OPTIONAL)
def test_the_help_says_what_an_optional_field_left_empty_means(name: str) -> None:
    # A source that was created by Airbyte's API shows no default in the form.
    field = OPTIONAL[name]
    if "default" not in field:
        assert "Empty" in field["description"]
        return
    default = field["default"]
    said = "On" if default is True else f"{default:,}" if field["type"] == "integer" else default
    assert said in field["description"]
    assert "default" in field["description"].lower()


def test_each_field_has_a_place_of_its_own_in_a_card() -> None:
    groups = [group["id"] for group in SPEC["groups"]]
    places = [(groups.index(field["group"]), field["order"]) for field in PROPERTIES.values()]
    assert places == sorted(places)
    assert len(places) == len(set(places))


def test_the_picture_in_the_docs_is_of_this_specification() -> None:
    assert signature(SPEC) in PICTURE.read_bytes(), "run `make form` and look at the picture"
