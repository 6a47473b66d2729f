"""The form that a person fills in: as Airbyte would show it, in a real browser, from the connector's own `spec`."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from jsonschema import Draft201909Validator

from integration_tests.command import run
from integration_tests.form.show import DRAWN_FROM, PICTURE, digest, missing, show, specification
from integration_tests.kore_emulator import Emulator, generate_rows
from source_kore_llm_logs.components.config_normalization import BOT_ID, INSTANT, WHOLE_NUMBERS, base_url

BOT = "st-alpha"

EVERYTHING = {
    "Host": "https://kore.example.com:8443/",
    "Bot IDs": [BOT, "st-beta"],
    "Client ID": "cs-1",
    "Client Secret": "p@ss, word;",
    "Start Date": {"calendar": "2025-01-31T13:30"},
    "End Date": "2025-02-28",
    "Prompts and Answers": "redacted",
    "Include Developer Usage": False,
    "Channels": ["msteams", "rtm"],
    "Feature Names": ["Agent Node"],
    "Task ID": "dg-1",
    "User IDs": ["u-1"],
    "Channel User IDs": ["29:1"],
    "JWT Algorithm": "HS512",
    "JWT Subject": "somebody",
    "JWT Audience": "https://idproxy.kore.ai/authorize",
    "Lookback (Minutes)": 0,
    "Window (Days)": 7,
    "Page Size": 50,
    "Windows at Once": 2,
    "Requests per Minute and Bot": 30,
    "Requests per Hour and Bot": 900,
}

HOST_FORM = "host name, for example platform.kore.ai"
BOT_FORM = "st-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
DATE_FORM = "YYYY-MM-DDTHH:MM:SSZ or YYYY-MM-DD"
MISTAKES: list[tuple[str, Any, str]] = [
    ("Host", "", "Required"),
    ("Host", "http://user:pw@platform.kore.ai", f"The value must match the pattern {HOST_FORM}"),
    ("Bot IDs", [], "Required"),
    ("Bot IDs", ["a bot"], f"The value must match the pattern {BOT_FORM}"),
    ("Client ID", "", "Required"),
    ("Client Secret", "", "Required"),
    ("Start Date", "", "Required"),
    ("Start Date", "31.12.2024", f"The value must match the pattern {DATE_FORM}"),
    ("End Date", "soon", f"The value must match the pattern {DATE_FORM}"),
    ("Window (Days)", "91", "Must be less than or equal to 90"),
    ("Page Size", "0", "Must be greater than or equal to 1"),
]  # fmt: skip


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    return specification()


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    now = datetime.now(timezone.utc)
    with Emulator({BOT: generate_rows(BOT, now - timedelta(days=2), now, 20, 1)}) as running:
        yield running


@pytest.fixture(scope="module")
def required(emulator: Emulator, spec: dict[str, Any]) -> dict[str, Any]:
    """Field title -> value, of the fields that must be filled in."""
    config = {**emulator.config(), "start_date": "2025-01-01"}
    return {spec["properties"][name]["title"]: config[name] for name in spec["required"]}


@pytest.fixture(scope="module")
def seen(required: dict[str, Any]) -> dict[str, Any]:
    """The form, opened once, and filled in once for each test below."""
    lacking = missing()
    if lacking:
        pytest.skip(f"The form cannot be shown: {lacking}")
    return show([required, EVERYTHING, *({**required, title: value} for title, value, _ in MISTAKES)])


@pytest.fixture
def fields(seen: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {field["name"]: field for card in seen["cards"] for field in card["fields"]}


def test_what_must_be_filled_in_comes_first_and_the_rest_is_folded_away(seen: dict[str, Any]) -> None:
    shown = {card["title"]: [f["title"] for f in card["fields"] if f["isVisible"]] for card in seen["cards"]}
    assert shown == {
        "Kore.ai": ["Host", "Bot IDs", "Client ID", "Client Secret"],
        "Period": ["Start Date"],
        "Content": ["Prompts and Answers", "Include Developer Usage"],
        "Filters": [],
        "Token": [],
        "Advanced": [],
    }


def test_every_field_is_on_the_form_once_in_order_with_its_title_and_help(
    seen: dict[str, Any], spec: dict[str, Any]
) -> None:
    on_the_form = [(f["name"], f["title"], f["help"]) for card in seen["cards"] for f in card["fields"]]
    properties = sorted(spec["properties"].items(), key=lambda item: item[1]["order"])
    assert on_the_form == [(name, field["title"], field["description"]) for name, field in properties]
    assert seen["faults"] == []


def test_the_secret_and_only_the_secret_is_masked(fields: dict[str, dict[str, Any]]) -> None:
    assert [name for name, field in fields.items() if field["control"] == "password"] == ["client_secret"]


def test_dates_have_a_calendar_and_say_their_form(fields: dict[str, dict[str, Any]]) -> None:
    assert [name for name, field in fields.items() if field["hasCalendar"]] == ["start_date", "end_date"]
    assert {fields[name]["format"] for name in ("start_date", "end_date")} == {DATE_FORM}


def test_each_type_has_the_control_made_for_it(fields: dict[str, dict[str, Any]], spec: dict[str, Any]) -> None:
    of_type = {"array": "tags", "boolean": "checkbox", "integer": "number", "string": "text"}
    for name, field in spec["properties"].items():
        if "enum" in field:
            assert (fields[name]["control"], fields[name]["choices"]) == ("select", field["enum"])
        elif not field.get("airbyte_secret"):
            assert fields[name]["control"] == of_type[field["type"]]


def test_defaults_are_filled_in_and_nothing_else_is(fields: dict[str, dict[str, Any]], spec: dict[str, Any]) -> None:
    for name, field in spec["properties"].items():
        default = field.get("default", "")
        assert fields[name]["value"] == (default if isinstance(default, bool) else str(default))


def test_the_required_fields_alone_make_a_configuration_that_check_accepts(
    seen: dict[str, Any], emulator: Emulator
) -> None:
    outcome = run("check", config=seen["outcomes"][0]["submitted"])
    assert outcome.of_type("CONNECTION_STATUS")[-1]["connectionStatus"] == {"status": "SUCCEEDED"}


def test_every_field_can_be_filled_in_and_arrives_as_it_was_meant(seen: dict[str, Any], spec: dict[str, Any]) -> None:
    titles = {field["title"]: name for name, field in spec["properties"].items()}
    expected = {titles[title]: value for title, value in EVERYTHING.items()} | {"start_date": "2025-01-31T13:30:00Z"}
    assert set(expected) == set(spec["properties"])
    assert seen["outcomes"][1] == {"submitted": expected, "errors": {}}


@pytest.mark.parametrize("number", range(len(MISTAKES)), ids=[f"{title}: {value}" for title, value, _ in MISTAKES])
def test_a_mistake_is_named_at_its_field_and_not_submitted(
    seen: dict[str, Any], spec: dict[str, Any], number: int
) -> None:
    title, _, message = MISTAKES[number]
    name = next(name for name, field in spec["properties"].items() if field["title"] == title)
    assert seen["outcomes"][2 + number] == {"submitted": None, "errors": {name: message}}


def test_fields_left_empty_in_every_way_are_as_good_as_absent(emulator: Emulator, spec: dict[str, Any]) -> None:
    empty = {"array": [], "string": ""}
    optional = {
        name: empty[field["type"]]
        for name, field in spec["properties"].items()
        if name not in spec["required"] and field["type"] in empty and "enum" not in field
    }
    assert len(optional) == 8
    emulator.clear_requests()
    outcome = run("check", config=emulator.config(**optional))
    assert outcome.of_type("CONNECTION_STATUS")[-1]["connectionStatus"] == {"status": "SUCCEEDED"}
    (request,) = emulator.requests
    assert not {"channel", "featureName", "taskId", "userIds", "channelUserIds"}.intersection(request.body)


def test_examples_and_defaults_are_values_that_the_field_accepts(spec: dict[str, Any]) -> None:
    Draft201909Validator.check_schema(spec)
    for name, field in spec["properties"].items():
        says_it_all = "enum" in field or field["type"] == "boolean" or field.get("airbyte_secret")
        assert field.get("examples") or says_it_all, name
        for value in [*field.get("examples", []), *([field["default"]] if "default" in field else [])]:
            assert Draft201909Validator(field).is_valid(value), (name, value)


@pytest.mark.parametrize(
    "host",
    ["platform.kore.ai", " https://platform.kore.ai/ ", "https://platform.kore.ai/api", "kore.example.com:8443/api/",
     "http://127.0.0.1:8099", "HTTPS://PLATFORM.KORE.AI", "http://[::1]:80"],
)  # fmt: skip
def test_no_host_that_the_connector_takes_is_refused_by_the_form(spec: dict[str, Any], host: str) -> None:
    assert base_url(host)
    assert re.search(spec["properties"]["host"]["pattern"], host)


def test_dates_and_bots_are_held_to_the_pattern_that_the_connector_holds_them_to(spec: dict[str, Any]) -> None:
    properties = spec["properties"]
    assert properties["start_date"]["pattern"] == f"^{INSTANT.pattern}$"
    assert properties["end_date"]["pattern"] == f"^(|{INSTANT.pattern})$"
    assert properties["bot_ids"]["items"]["pattern"] == rf"^\s*{BOT_ID.pattern}\s*$"
    for name, (lowest, highest) in WHOLE_NUMBERS.items():
        assert (properties[name]["minimum"], properties[name]["maximum"]) == (lowest, highest), name


def test_each_field_has_a_place_of_its_own_in_a_card(spec: dict[str, Any]) -> None:
    groups = [group["id"] for group in spec["groups"]]
    places = [(groups.index(field["group"]), field["order"]) for field in spec["properties"].values()]
    assert places == sorted(places)
    assert len(places) == len(set(places))


def test_airbytes_server_does_not_hold_a_date_to_the_picker_format(spec: dict[str, Any]) -> None:
    # It validates by the draft that `$schema` names. In those before 2019-09 `format` is an assertion there, and
    # date-time would refuse the plain date that the form and the connector accept.
    assert spec["properties"]["start_date"]["format"] == "date-time"
    assert spec["$schema"] == "https://json-schema.org/draft/2019-09/schema"


def test_the_picture_in_the_docs_was_drawn_from_this_specification(spec: dict[str, Any]) -> None:
    assert f"{DRAWN_FROM}\0{digest(spec)}".encode() in PICTURE.read_bytes(), "run `make form` and look at the picture"
