"""A row becomes a record: nothing is lost, nothing is made up, and nothing in a row breaks what reads the record."""

import json
from collections import Counter
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from source_kore_llm_logs.records import providers
from source_kore_llm_logs.records.decoding import REPLACED_CHARACTERS, rows_in
from source_kore_llm_logs.records.payloads import ENVELOPES
from source_kore_llm_logs.records.record import SCHEMA as RECORD_SCHEMA
from source_kore_llm_logs.records.record import SENTINEL_DATES, to_record
from unit_tests.test_payloads import FOLDER, SAMPLE

SCHEMA = json.loads(RECORD_SCHEMA.read_text())
CASES: dict[str, Any] = json.loads((FOLDER / "columns.json").read_text())
VALIDATOR = Draft7Validator(SCHEMA)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)
KNOWN_KEYS = st.sampled_from(
    ["Status", "status ", "End Date", "start Date", "Time Taken", "statusCode", "Feature Name ", "Feature",
     "Request Payload", "Response Tokens", "Payload Details"]
)  # fmt: skip


def as_read(row: Any) -> Any:
    """The row as it comes out of an answer's body."""
    return rows_in(json.dumps([row]).encode())[0]


def test_the_vendors_sample_becomes_exactly_one_right_record() -> None:
    record, details = json.loads((FOLDER / "vendor_sample_record.json").read_text()), SAMPLE["Payload Details"]
    payloads = {"request_payload": details["Request Payload"], "response_payload": details["Response Payload"]}
    # If its id changes, so does every id: all rows of every user arrive once more. That is a breaking change.
    assert to_record("st-1", SAMPLE) == {**record, **payloads}


def test_an_unknown_column_and_a_misfit_value_are_kept_under_their_own_keys() -> None:
    record = to_record("st-1", {"TTFT": 12, "statusCode": "teapot", "End Date": "yesterday"})
    assert (record["status_code"], record["end_date"]) == (None, None)
    assert record["additional_columns"] == {"TTFT": 12, "statusCode": "teapot", "End Date": "yesterday"}


@pytest.mark.parametrize(("sent", "column", "kept"), CASES["durations"])
def test_a_duration_is_whole_milliseconds_and_what_was_rounded_is_kept(sent: Any, column: Any, kept: Any) -> None:
    record = to_record("st-1", {"Time Taken": sent})
    assert record["time_taken_ms"] == column
    assert record["additional_columns"] == (None if kept is None else {"Time Taken": kept})


@pytest.mark.parametrize(("sent", "column"), CASES["parameters"])
def test_a_parameter_is_a_decimal_with_a_fraction_or_null_and_stays_in_the_payload(sent: Any, column: Any) -> None:
    for request in ({"temperature": sent}, {"generationConfig": {"topP": sent, "temperature": sent}}):
        record = to_record("st-1", {"Payload Details": {"Request Payload": request}})
        assert repr(record["temperature"]) == repr(column)
        assert record["request_payload"] == request


@pytest.mark.parametrize("levels", [90, 99, 230, 240, 246, 250, 253, 254, 400, 900])
@pytest.mark.parametrize("place", ["New", "Payload Details", "Request Payload", "Description"])
def test_a_record_of_a_deep_row_is_written_with_what_carries_it(levels: int, place: str) -> None:
    deep: Any = "leaf"
    for _ in range(levels):
        deep = {"a": deep}
    row = {"Payload Details": {place: deep}} if place == "Request Payload" else {place: deep}
    for redact in (False, True):
        message = {"type": "RECORD", "record": {"stream": "llm_usage_logs", "data": to_record("st-1", row, redact)}}
        assert (b"leaf" in orjson.dumps(message)) is not redact


@pytest.mark.parametrize(("key", "value", "column", "read"), CASES["other names"])
def test_a_column_is_known_by_its_other_names(key: str, value: Any, column: str, read: Any) -> None:
    record = to_record("st-1", {key: value})
    assert record[column] == read
    assert record["additional_columns"] is None
    assert record["id"] != to_record("st-1", {key: f"{value}!"})["id"]


@pytest.mark.parametrize(
    ("row", "column", "read"),
    [
        ({"Feature Name ": "A", "Feature": "B"}, "feature_name", "A"),
        ({"Model Name": "A", "Model": {"name": "B"}}, "model_name", "A"),
        ({"Payload Details": {"Request Tokens": 7}, "Request Tokens": 8}, "request_tokens", 7),
        ({"Payload Details": {"Response Payload": "A"}, "Response Payload": "B"}, "response_payload", {"value": "A"}),
    ],
)
def test_beside_its_column_another_name_is_a_column_of_its_own(row: Any, column: str, read: Any) -> None:
    record = to_record("st-1", row)
    first, other = row
    assert record[column] == read
    assert record["additional_columns"] == {other: row[other]}
    if "Payload" not in other and "Tokens" not in other:
        assert record["id"] == to_record("st-1", {first: row[first]})["id"]


PAYLOAD_KEYS = sorted(
    {*providers.COUNTS, *providers.USAGES, *providers.ANSWERS, *providers.REASONS, *providers.MODELS, *providers.IDS,
     *providers.PARAMETER_KEYS, *providers.HOLDERS, *ENVELOPES, "body", "error"}
)  # fmt: skip
PAYLOAD = st.recursive(
    JSON | st.integers(0, 10**30) | st.sampled_from(["7", "stop", "gpt-4", "{", "data: {}"]),
    lambda inner: (
        st.dictionaries(st.sampled_from(PAYLOAD_KEYS), inner, max_size=6)
        | st.lists(inner, max_size=3)
        | inner.map(json.dumps)
        | inner.map(lambda value: f"data: {json.dumps(value)}\n\ndata: {{}}\n")
        | st.tuples(inner, st.integers(0, 60)).map(lambda cut: json.dumps(cut[0])[: cut[1]])
    ),
    max_leaves=20,
)
DETAILS = st.dictionaries(
    st.sampled_from(["Request Payload", "Response Payload", "responsePayload", "Request Tokens", "Prompt Name"]),
    PAYLOAD,
)
ROWS = (
    st.dictionaries(KNOWN_KEYS | st.text(max_size=8), JSON, max_size=5)
    | JSON
    | st.fixed_dictionaries({"Payload Details": DETAILS}, optional={"Response Payload": PAYLOAD, "Status": st.text()})
)


@settings(max_examples=600, deadline=None)
@given(ROWS)
def test_any_row_becomes_a_record_that_is_valid_and_written_and_has_one_id(row: Any) -> None:
    ids = set()
    for redact in (False, True):
        record = to_record("st-1", as_read(row), redact)
        assert list(record) == list(SCHEMA["properties"])
        written = json.loads(orjson.dumps(record))
        VALIDATOR.validate(written)
        assert not any("\0" in text for text in keys_and_texts(written))
        ids.add(record["id"])
        assert not any(isinstance(value, int) and value >= 2**63 for value in record.values())
        counts = [record[column] or 0 for column in ("request_tokens", "response_tokens", "total_tokens")]
        assert counts[2] == sum(counts[:2]) or 0 in counts or counts[2] >= 2**63 or record["total_tokens"] is None
    assert len(ids) == 1


@pytest.mark.parametrize("payload", ["text", "", '{"a": 1}', ["list"], [], 5, 0, 0.5, False, True, None])
def test_a_payload_that_is_no_object_stands_in_value_and_one_that_is_absent_is_null(payload: Any) -> None:
    row = {"Payload Details": {"Request Payload": payload, "Response Payload": {"value": payload}}}
    record, hidden = to_record("st-1", row), to_record("st-1", row, redact=True)
    expected = None if payload is None else {"value": payload}
    assert json.dumps(record["request_payload"]) == json.dumps(expected)
    assert record["response_payload"] == {"value": payload}
    assert type(hidden["request_payload"]) is type(expected)
    assert hidden["response_payload"] == {}
    assert to_record("st-1", {"Payload Details": None})["request_payload"] is None


def keys_and_texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in keys_and_texts(part)]
    if isinstance(value, list):
        return [text for inner in value for text in keys_and_texts(inner)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("odd", ["\0", "\ud83d"])
def test_u0000_and_half_a_surrogate_become_ufffd_wherever_they_stand_and_are_counted_once_a_text(odd: str) -> None:
    payload = {"messages": [f"a{odd}b", {odd: f"c{odd}{odd}"}], "model": f"gpt{odd}"}
    details = {"Request Payload": payload, "Response Payload": f"x{odd}y"}
    row = {"Description": f"d{odd}", "User ID": "fine", f"New{odd}": 1, "Payload Details": details}
    repairs: Counter[str] = Counter()
    record = to_record("st-1", row, repairs=repairs)
    assert repairs == {REPLACED_CHARACTERS: 7}
    assert record["description"] == "d\ufffd"
    assert record["request_payload"] == {"messages": ["a\ufffdb", {"\ufffd": "c\ufffd\ufffd"}], "model": "gpt\ufffd"}
    assert record["response_payload"] == {"value": "x\ufffdy"}
    assert record["additional_columns"] == {"New\ufffd": 1}


def test_keys_that_only_u0000_kept_apart_stay_apart_and_one_that_is_spelled_out_is_a_text_like_any_other() -> None:
    record = to_record("st-1", {"a\0": 1, "a\ufffd": 2, "a\ufffd\ufffd": 3})
    assert sorted(record["additional_columns"].values()) == [1, 2, 3]
    repairs: Counter[str] = Counter()
    assert to_record("st-1", {"Description": "\\u0000"}, repairs=repairs)["description"] == "\\u0000"
    assert not repairs


@pytest.mark.parametrize("number", [2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**40])
def test_counts_beyond_64_bits_and_their_sums_are_null_and_keep_their_digits(number: int) -> None:
    details = {"Request Tokens": number, "Response Tokens": 1, "Response Payload": {"usage": {"total_tokens": number}}}
    record = to_record("st-1", as_read({"User ID": number, "Payload Details": details}))
    assert record["user_id"] == str(number)
    assert record["total_tokens"] is None
    left = None if number < 2**63 and number > 0 else {"Payload Details": {"Request Tokens": str(number)}}
    assert record["additional_columns"] == left


@pytest.mark.parametrize(("start", "end", "kept"), CASES["sentinel dates"])
def test_a_row_is_filed_under_no_date_that_stands_for_none_and_each_is_counted(start: Any, end: Any, kept: Any) -> None:
    repairs: Counter[str] = Counter()
    row = {"start Date": start, "End Date": end}
    record = to_record("st-1", row, repairs=repairs)
    assert [record["start_date"], record["end_date"]] == kept
    left = {key: date for (key, date), column in zip(row.items(), kept, strict=True) if date and column is None}
    assert record["additional_columns"] == (left or None)
    assert repairs == ({SENTINEL_DATES: len(left)} if left else {})
    assert to_record("st-1", row) == record
