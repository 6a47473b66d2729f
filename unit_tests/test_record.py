"""A row becomes a record: nothing is lost, nothing is made up, and the id stands for the whole row."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from source_kore_llm_logs.records.identity import fold
from source_kore_llm_logs.records.record import EMPTY, to_record
from source_kore_llm_logs.records.timestamps import instant

SAMPLE = json.loads((Path(__file__).parent / "fixtures" / "vendor_sample_response.json").read_text())
SCHEMA = json.loads(
    (Path(__file__).parents[1] / "source_kore_llm_logs" / "schemas" / "llm_usage_logs.json").read_text()
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)
KNOWN_KEYS = st.sampled_from(
    [
        "Status",
        "status ",
        "End Date",
        "start Date",
        "Time Taken",
        "statusCode",
        "Feature Name ",
        "Payload Details",
    ]
)


def test_the_vendors_sample_becomes_exactly_one_right_record() -> None:
    (row,) = SAMPLE
    record = to_record("st-f3195ec3-72aa-5317-92", row)
    assert record == {
        "id": record["id"],
        "bot_id": "st-73bfdb2f-xxxx-55e6-b4c8-3f568a6exxxx",
        "session_id": None,
        "user_id": "u-40b3eafc-xxxx-55f2-83e8-cf4d0fb1xxxx",
        "task_id": "dg-200ad1ff-xxxx-5219-810e-4ee3800dxxxx",
        "channel_name": "msteams",
        "feature_name": "GenAI Node",
        "prompt_name": "Default",
        "integration": "OpenAI",
        "model_name": "GPT-4",
        "description": "Order pizza-GenAINode0002",
        "status": "Success",
        "status_code": 200,
        "start_date": "2024-03-08T06:38:54.008Z",
        "end_date": "2024-03-08T06:38:58.386Z",
        "time_taken_ms": 4378,
        "request_tokens": 614,
        "response_tokens": 74,
        "total_tokens": 688,
        "cached_tokens": None,
        "reasoning_tokens": None,
        "request_model": "gpt-4",
        "response_model": "gpt-4-0613",
        "response_id": "chatcmpl-90OAYDFFkbjgMxhMxKukwqklT6SWO",
        "finish_reason": "stop",
        "temperature": 0.5,
        "top_p": 1,
        "max_tokens": 1500,
        "frequency_penalty": 0,
        "presence_penalty": 0,
        "request_payload": row["Payload Details"]["Request Payload"],
        "response_payload": row["Payload Details"]["Response Payload"],
        "additional_columns": None,
    }
    assert len(record["id"]) == 32


def test_the_schema_has_the_columns_of_a_record_in_their_order() -> None:
    assert list(SCHEMA["properties"]) == list(EMPTY)


def test_the_id_survives_another_order_and_another_spelling_of_the_keys() -> None:
    (row,) = SAMPLE
    respelled = {key.strip().upper(): value for key, value in reversed(row.items())}
    respelled["PAYLOAD DETAILS"] = dict(reversed(row["Payload Details"].items()))
    assert to_record("st-1", respelled)["id"] == to_record("st-1", row)["id"]


@pytest.mark.parametrize("column", ["Time Taken", "Status", "Language"])
def test_the_id_changes_with_any_value(column: str) -> None:
    (row,) = SAMPLE
    assert to_record("st-1", {**row, column: "9"})["id"] != to_record("st-1", row)["id"]


def test_equal_rows_of_two_bots_stay_two() -> None:
    assert to_record("st-1", {})["id"] != to_record("st-2", {})["id"]


def test_keys_that_differ_by_case_only_are_both_kept_and_both_count_in_the_id() -> None:
    record = to_record("st-1", {"Status": "Success", "status ": "Failure"})
    assert record["status"] == "Success"
    assert record["additional_columns"] == {"status ": "Failure"}
    assert record["id"] != to_record("st-1", {"Status": "Success", "status ": "Other"})["id"]


def test_an_unknown_column_and_a_misfit_value_are_kept_under_their_own_keys() -> None:
    record = to_record("st-1", {"TTFT": 12, "statusCode": "teapot", "End Date": "yesterday"})
    assert (record["status_code"], record["end_date"]) == (None, None)
    assert record["additional_columns"] == {"TTFT": 12, "statusCode": "teapot", "End Date": "yesterday"}


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("2024-03-08T06:38:54.008Z", "2024-03-08T06:38:54.008Z"),
        ("2024-03-08T06:38:54Z", "2024-03-08T06:38:54.000Z"),
        ("2024-03-08T06:38:54.008123Z", "2024-03-08T06:38:54.008Z"),
        ("2024-03-08T08:38:54.008+02:00", "2024-03-08T06:38:54.008Z"),
        ("2024-03-08T06:38:54+00:00", "2024-03-08T06:38:54.000Z"),
        ("2024-03-08 06:38:54", "2024-03-08T06:38:54.000Z"),
        (1709879934008, "2024-03-08T06:38:54.008Z"),
        ("1709879934008", "2024-03-08T06:38:54.008Z"),
        (1709879934, "2024-03-08T06:38:54.000Z"),
        ("", None),
        (None, None),
    ],
)
def test_dates_in_odd_forms_are_normalised_to_utc(sent: Any, read: str | None) -> None:
    assert instant(sent) == read
    assert to_record("st-1", {"End Date": sent})["additional_columns"] is None


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(KNOWN_KEYS | st.text(max_size=8), JSON, max_size=5) | JSON)
def test_no_row_ever_breaks_the_reader(row: Any) -> None:
    for redact in (False, True):
        record = to_record("st-1", row, redact)
        assert list(record) == list(EMPTY)
        assert json.loads(orjson.dumps(record))["id"] == record["id"]


def test_deep_payloads_are_kept_as_text_below_a_hundred_levels() -> None:
    deep: Any = "leaf"
    for _ in range(400):
        deep = {"a": deep}
    record = to_record("st-1", {"Payload Details": {"Request Payload": deep}})
    assert b"leaf" in orjson.dumps(record)


def test_redacted_keeps_parameters_usage_and_finish_reason() -> None:
    (row,) = SAMPLE
    full, kept = to_record("st-1", row), to_record("st-1", row, redact=True)
    assert {c for c in full if full[c] != kept[c]} == {"request_payload", "response_payload"}
    assert kept["request_payload"] == {
        "model": "gpt-4", "temperature": 0.5, "max_tokens": 1500, "top_p": 1, "frequency_penalty": 0,
        "presence_penalty": 0,
    }  # fmt: skip
    assert kept["response_payload"]["usage"] == {
        "prompt_tokens": 614,
        "completion_tokens": 74,
        "total_tokens": 688,
    }


def test_spellings_of_a_column_fold_to_one() -> None:
    assert fold("Feature Name ") == fold("featureName") == fold("FEATURE_NAME")
