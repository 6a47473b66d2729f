"""Every field is made exact, or refused by its title and its key."""

import json
import logging
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.models import Status

from integration_tests.rsa_keys import PRIVATE_KEY
from source_kore_llm_logs import SourceKoreLlmLogs, source
from source_kore_llm_logs.components import retriever
from source_kore_llm_logs.components.config_normalization import ConfigNormalization
from source_kore_llm_logs.errors import ConnectorError
from source_kore_llm_logs.manifest import SPECIFICATION, named

GOOD: dict[str, Any] = {
    "host": "platform.kore.ai",
    "bot_ids": ["st-1"],
    "client_id": "cs-1",
    "client_secret": "1e5",
    "start_date": "2024-01-01",
}
PROPERTIES: dict[str, dict[str, Any]] = SPECIFICATION["properties"]
OPTIONAL = [field for field in PROPERTIES if field not in GOOD]
TEXTS = [field for field, schema in PROPERTIES.items() if schema["type"] == "string"]
LISTS = [field for field, schema in PROPERTIES.items() if schema["type"] == "array"]
NUMBERS = [field for field, schema in PROPERTIES.items() if schema["type"] == "integer"]
CASES: dict[str, Any] = json.loads((Path(__file__).parent / "fixtures" / "config.json").read_text())
UNSEEN = ["\ufeff{}", " {} ", "\u200b{}\u200d", "\u00a0{}\u00a0", "\t{}\r\n", "\u2060\u200e{}\u3000"]


def by_field(name: str) -> list[tuple[str, Any]]:
    """Each of the cases of this name beside its field."""
    return [(field, case) for field, cases in CASES[name].items() for case in cases]


def exact(**changes: Any) -> dict[str, Any]:
    config = {**GOOD, **changes}
    ConfigNormalization().transform(config)
    return config


@pytest.mark.parametrize(("host", "url"), CASES["hosts"].items())
def test_a_host_is_accepted_as_people_paste_it(host: str, url: str) -> None:
    assert all(exact(host=unseen.format(host))["base_url"] == url for unseen in UNSEEN)
    assert re.search(PROPERTIES["host"]["pattern"], f" {host} ")


@pytest.mark.parametrize(
    ("field", "value"),
    [*by_field("refused"), ("num_workers", float("nan")), ("client_secret", PRIVATE_KEY)],
)
def test_a_refused_value_names_its_field_by_title_and_key(field: str, value: Any) -> None:
    with pytest.raises(ConnectorError, match=f"^{re.escape(named(field))} ") as raised:
        exact(**{field: value})
    said = raised.value.message
    assert "\n" not in said
    assert ("that each look like st-" in said) is (field == "bot_ids" and isinstance(value[0], str))


@pytest.mark.parametrize("field", list(GOOD))
@pytest.mark.parametrize("value", [None, "", " \u200b", [], [""], [None], "absent"])
def test_a_required_field_that_is_empty_or_absent_must_be_given(field: str, value: Any) -> None:
    config = {**GOOD, field: value}
    if value == "absent":
        del config[field]
    with pytest.raises(ConnectorError, match=f"^{re.escape(named(field))} must be given"):
        ConfigNormalization().transform(config)


@pytest.mark.parametrize("field", OPTIONAL)
@pytest.mark.parametrize("value", [None, "", " ", [" ", "", None]])
def test_null_and_empty_mean_the_default_of_every_optional_field(field: str, value: Any) -> None:
    assert field not in exact(**{field: value})


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize("value", [12345, 1.5])
def test_a_number_where_text_belongs_must_be_put_in_quotes(field: str, value: Any) -> None:
    wanted = "one of " if "enum" in PROPERTIES[field] else r"text in quotes\.$"
    with pytest.raises(ConnectorError, match=rf"^{re.escape(named(field))} must be {wanted}"):
        exact(**{field: value})


@pytest.mark.parametrize("field", LISTS)
@pytest.mark.parametrize("value", ["a,b", ["st-1", 5], {"a": 1}])
def test_what_is_no_list_of_texts_is_told_with_an_example(field: str, value: Any) -> None:
    said = rf"^{re.escape(named(field))} must be a list of texts in quotes, for example \["
    with pytest.raises(ConnectorError, match=said):
        exact(**{field: value})


@pytest.mark.parametrize("field", NUMBERS)
def test_a_number_is_held_to_the_range_of_the_form_and_taken_as_text_too(field: str) -> None:
    lowest, highest = PROPERTIES[field]["minimum"], PROPERTIES[field]["maximum"]
    for given in (lowest, highest):
        assert [exact(**{field: form})[field] for form in (given, f" {given} ", float(given))] == [given] * 3
    for given in (lowest - 1, highest + 1, str(highest + 1), 10**30, "9" * 5000):
        with pytest.raises(ConnectorError, match=f"must be a whole number from {lowest} to {highest}"):
            exact(**{field: given})


@pytest.mark.parametrize("unseen", UNSEEN)
def test_what_cannot_be_seen_at_the_ends_is_taken_off_and_nothing_within(unseen: str) -> None:
    within = "a \u00a0\u200bb"
    config = exact(
        client_id=unseen.format("cs-1"), client_secret=unseen.format(within), task_id=unseen.format(within),
        bot_ids=[unseen.format("st-1"), "st-2", "st-1"], channels=["", unseen.format("rtm"), " "],
        start_date=unseen.format("2024-01-01"), jwt_algorithm=unseen.format("HS512"),
    )  # fmt: skip
    assert (config["client_id"], config["client_secret"], config["task_id"]) == ("cs-1", within, within)
    assert (config["bot_ids"], config["channels"]) == (["st-1", "st-2"], ["rtm"])
    assert (config["start_date"], config["jwt_algorithm"]) == ("2024-01-01T00:00:00.000Z", "HS512")


@pytest.mark.parametrize(("given", "taken"), [("true", True), ("False", False), (True, True), (False, False)])
def test_true_and_false_are_taken_as_text_too(given: Any, taken: bool) -> None:
    assert exact(include_developer_usage=given)["include_developer_usage"] is taken


def test_private_options_of_a_program_cannot_be_set() -> None:
    assert not any(name.startswith("__") for name in exact(__checking=True, __injected_components_py="x"))


@pytest.mark.parametrize(("field", "given"), by_field("near misses"))
def test_a_near_miss_of_what_decides_what_is_copied_or_is_missing_is_refused(field: str, given: Any) -> None:
    name, value = given
    config = {**GOOD, name: value}
    config.pop(field, None)
    said = rf"^`{name}` is no field of the configuration: did you mean .*\(`{field}`\)\?$"
    with pytest.raises(ConnectorError, match=said):
        ConfigNormalization().transform(config)


@pytest.mark.parametrize(("name", "said"), CASES["unknown"].items())
def test_another_unknown_field_is_told_and_left_out(name: str, said: str, caplog: pytest.LogCaptureFixture) -> None:
    config = exact(**{name: 5})
    ConfigNormalization().transform(config)
    (line,) = caplog.messages
    assert line.endswith(said)
    assert name not in config


def test_what_is_exact_already_stays_as_it_is() -> None:
    once = exact(channels=[" rtm"], page_size="50", end_date="2024-02-01")
    twice = dict(once)
    ConfigNormalization().transform(twice)
    assert twice == once


@pytest.mark.parametrize(
    ("typed", "start"),
    [
        ("2024-02-29", "2024-02-29T00:00:00.000Z"),
        ("2024-03-31T02:30:00+02:00", "2024-03-31T00:30:00.000Z"),
        ("2024-03-31T02:30:00.123456Z", "2024-03-31T02:30:00.123Z"),
    ],
)
def test_dates_become_utc_and_an_end_date_excludes_its_own_moment(typed: str, start: str) -> None:
    config = exact(start_date=typed, end_date="2024-05-01")
    assert (config["start_date"], config["sync_end"]) == (start, "2024-04-30T23:59:59.999Z")
    with pytest.raises(ConnectorError, match=r"Start Date \(`start_date`\) must be before End Date \(`end_date`\)"):
        exact(start_date=typed, end_date="2023-12-31")


# Whoever launches the source reads our words; a check does not wait for all.

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
    ("fault", "bots"),
    [
        (ConnectorError("no answer in time.", bot_id="st-1", category="page_size"), 200),
        (ConnectorError("no host.", category="unreachable"), 200),
        (ConnectorError("refused.", bot_id="st-1"), 30),
    ],
)
def test_a_check_asks_every_bot_and_waits_for_none_where_the_server_answers_none(
    monkeypatch: pytest.MonkeyPatch, fault: ConnectorError, bots: int
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
    assert len(asked) == bots or (fault.category and len(asked) <= 3 * source.MAX_PARALLEL_CHECKS + 1)
