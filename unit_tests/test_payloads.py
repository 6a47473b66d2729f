"""Every provider's call fills the same columns with the same meaning, and nothing of its text outlives redaction."""

import copy
import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from source_kore_llm_logs.records.identity import COLUMNS
from source_kore_llm_logs.records.providers import HOLDERS, PARAMETER_KEYS
from source_kore_llm_logs.records.record import TEXTS, to_record
from source_kore_llm_logs.records.redaction import KEPT, LONGEST_NAME, REMOVED, is_gemini_id, is_model

FOLDER = Path(__file__).parent / "fixtures"
(SAMPLE,) = json.loads((FOLDER / "vendor_sample_response.json").read_text())
FIXTURES = {path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "payloads").glob("*.json"))}
OF_A_CALL = (
    "request_tokens", "response_tokens", "total_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens",
    "provider", "request_model", "response_model", "response_id", "finish_reason", "error_type", "error_message",
    "temperature", "top_p", "max_tokens", "frequency_penalty", "presence_penalty",
)  # fmt: skip


def row_of(fixture: dict[str, Any]) -> dict[str, Any]:
    details = {"Request Payload": fixture["request"], "Response Payload": fixture["response"], **fixture.get("log", {})}
    row = {"Description": "Order pizza-GenAINode0002", "Status": "Success", **fixture.get("row", {})}
    return {**row, "Payload Details": details}


def columns_of(fixture: dict[str, Any], redacted: bool = False) -> dict[str, Any]:
    """What the record's columns must say of the call."""
    return dict.fromkeys(OF_A_CALL) | fixture["columns"] | ({"error_message": None} if redacted else {})


def answered(
    response: Any, redact: bool = False, request: Any = None, counts: dict[str, Any] | None = None, **row: Any
) -> dict[str, Any]:
    """The record of a call with these payloads, these counts of the log and these columns of the row."""
    details = {"Request Payload": request, "Response Payload": response, **(counts or {})}
    return to_record("st-1", {**row, "Payload Details": details}, redact)


def of_a_call(record: dict[str, Any]) -> dict[str, Any]:
    return {column: record[column] for column in OF_A_CALL}


@pytest.mark.parametrize("shape", FIXTURES)
def test_every_provider_fills_the_same_columns_and_its_payloads_are_kept_or_what_is_harmless(shape: str) -> None:
    fixture, columns = FIXTURES[shape], columns_of(FIXTURES[shape])
    if columns["request_tokens"] is not None and columns["response_tokens"] is not None:
        assert columns["total_tokens"] == columns["request_tokens"] + columns["response_tokens"]
    assert (columns["cached_tokens"] or 0) + (columns["cache_write_tokens"] or 0) <= (columns["request_tokens"] or 0)
    assert (columns["reasoning_tokens"] or 0) <= (columns["response_tokens"] or 0)
    ways = [fixture]
    if not isinstance(fixture["response"], str):
        texts = {"request": json.dumps(fixture["request"]), "response": f" {json.dumps(fixture['response'])}"}
        ways.append({**fixture, **texts})
    for sent in ways:
        record, redacted = (to_record("st-1", row_of(sent), redact) for redact in (False, True))
        assert of_a_call(record) == columns
        assert of_a_call(redacted) == columns_of(fixture, redacted=True)
        assert record["additional_columns"] is None
        for payload in ("request", "response"):
            assert record[f"{payload}_payload"] in (sent[payload], {"value": sent[payload]})
            assert redacted[f"{payload}_payload"] == fixture["redacted"][payload]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a value and its keys can be replaced: a path to each leaf, and to each object, a key at a time."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, ("key", key))
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*path, index))
    yield path


def replaced(value: Any, path: tuple[Any, ...], marker: Any) -> Any:
    if not path:
        return marker
    value = copy.copy(value)
    if isinstance(path[0], tuple):
        return {marker if key == path[0][1] else key: inner for key, inner in value.items()}
    value[path[0]] = replaced(value[path[0]], path[1:], marker)
    return value


HIDDEN: dict[str, list[Any]] = json.loads((FOLDER / "hidden.json").read_text())
MARKERS = HIDDEN["markers"]
"""A sentence, a word, words in the form of a model, an id, a reason and JSON, and a text as numbers."""


def tells(record: dict[str, Any]) -> bool:
    written = orjson.dumps(record).lower()
    return b"zanzibar" in written or b"90,97" in written


def hidings(value: Any) -> Iterator[Any]:
    """The value with each marker in each place."""
    for path in places(value):
        for marker in MARKERS:
            if isinstance(marker, str) or not (path and isinstance(path[-1], tuple)):  # A key is a text.
                yield replaced(value, path, marker)


@pytest.mark.parametrize("shape", FIXTURES)
def test_redacted_lets_no_text_through_wherever_in_a_payload_it_stands(shape: str) -> None:
    changed = [{"Payload Details": details} for details in hidings(row_of(FIXTURES[shape])["Payload Details"])]
    assert len(changed) >= 5 * len(MARKERS) - 10
    for row in changed:
        assert tells(to_record("st-1", row))
        assert not tells(to_record("st-1", row, redact=True)), row


SSE = [shape for shape in FIXTURES if str(FIXTURES[shape]["response"]).lstrip().startswith(("data:", "event:"))]


@pytest.mark.parametrize("shape", SSE)
def test_redacted_lets_no_text_through_wherever_in_a_stream_it_stands(shape: str) -> None:
    lines = FIXTURES[shape]["response"].split("\n")
    events = {n: line.removeprefix("data:") for n, line in enumerate(lines) if line.startswith(("data: {", "data:{"))}
    assert len(events) > 1
    for number, event in events.items():
        for changed in hidings(json.loads(event)) if event.endswith("}") else ():
            stream = "\n".join([*lines[:number], f"data: {json.dumps(changed)}", *lines[number + 1 :]])
            assert not tells(answered(stream, redact=True, Status="Failure")), changed


@pytest.mark.parametrize("shape", SSE)
def test_a_stream_is_read_however_its_lines_end_and_wherever_it_is_cut_off(shape: str) -> None:
    fixture = FIXTURES[shape]
    lines = fixture["response"].replace("\r\n", "\n").split("\n")
    for ending in ("\n", "\r\n"):
        record = to_record("st-1", row_of({**fixture, "response": " " + ending.join(lines)}))
        assert of_a_call(record) == columns_of(fixture)
    for end in range(0, len(fixture["response"]), 7):
        record = to_record("st-1", row_of({**fixture, "response": fixture["response"][:end]}))
        assert record["response_payload"] == {"value": fixture["response"][:end]}
        assert record["response_model"] in (None, fixture["columns"]["response_model"])


WHOLE = {"id": "chatcmpl-1", "model": "gpt-4", "choices": [{"message": {"content": "Hi"}, "finish_reason": "length"}],
         "usage": {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}}  # fmt: skip
AS_TEXT = json.dumps(WHOLE)


@pytest.mark.parametrize(
    "text",
    [
        AS_TEXT.replace("Hi", "cut in a smiley \\ud83d"), AS_TEXT.replace('"Hi"', "NaN"),
        AS_TEXT.replace('"Hi"', "[Infinity, -Infinity, 1e400]"), AS_TEXT.replace("Hi", "two\nlines\r\n\tand a tab"),
        AS_TEXT.replace("Hi", "a raw \x01"), AS_TEXT.replace('"Hi"', "1" * 5000),
        AS_TEXT.replace('"Hi"', "[" * 1500 + "]" * 1500), AS_TEXT.replace("}}", '}, "total": 12'),
        AS_TEXT.replace("}}", '}, "more": [1, {"a": "this is cut, [{ he'), AS_TEXT.replace("}}", '}, "more": "a\\'),
        "\n " + AS_TEXT, json.dumps(AS_TEXT), json.dumps(json.dumps(AS_TEXT)), json.dumps(WHOLE, indent=2),
        json.dumps(AS_TEXT.replace('"Hi"', "NaN")), f"event: message\ndata: {AS_TEXT}\n\ndata: [DONE]",
        *(json.dumps(AS_TEXT.replace("}}", '}, "more": "\n\\"\u00e9 is cut'))[:-cut] for cut in range(1, 16)),
        "data: " + AS_TEXT.replace("Hi", "half \\ud83d"), "\n".join(json.dumps({k: v}) for k, v in WHOLE.items()),
    ],
)  # fmt: skip
def test_text_is_read_as_leniently_as_a_row_and_kept_as_it_is(text: str) -> None:
    for response, kept in ((text, {"value": text}), ({"body": text}, {"body": text})):
        record = answered(response)
        told = (record["response_id"], record["response_model"], record["finish_reason"], record["total_tokens"])
        assert told == ("chatcmpl-1", "gpt-4", "length", 11)
        assert record["response_payload"] == kept


@pytest.mark.parametrize("text", [*HIDDEN["no objects"], "[" * 5000])
def test_text_that_holds_no_object_tells_nothing_though_it_begins_like_one(text: str) -> None:
    record = answered(text)
    assert of_a_call(record) == dict.fromkeys(OF_A_CALL)
    assert record["response_payload"] == {"value": text}
    assert answered(text, Status="Failure")["error_message"] in (text or None, None)
    assert answered(text, redact=True)["response_payload"] in ({"value": REMOVED}, {})


@pytest.mark.parametrize("key", SAMPLE)
def test_redacted_lets_no_text_through_in_a_rows_keys_and_in_columns_that_are_not_names(key: str) -> None:
    for marker in MARKERS:
        if isinstance(marker, str):
            respelled = {marker if k == key else k: value for k, value in SAMPLE.items()}
            assert not tells(to_record("st-1", respelled, redact=True))
        if COLUMNS[key] not in TEXTS or not isinstance(marker, str):
            assert not tells(to_record("st-1", {**SAMPLE, key: marker}, redact=True))


LIKE_TEXT = st.sampled_from(["Zanzibar", "gpt-zanzibar", "zanzibar.", "msg_zanzibar", "STOP zanzibar"])
HIDING_KEYS = sorted({*KEPT, *HOLDERS, *PARAMETER_KEYS, "body", "messages", "content", "message", "finishReason"})
HIDING = st.recursive(
    LIKE_TEXT | st.integers(0, 9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(HIDING_KEYS) | LIKE_TEXT, inner, max_size=4)
        | st.dictionaries(st.sampled_from(HIDING_KEYS) | LIKE_TEXT, inner, max_size=3).map(json.dumps)
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(HIDING, HIDING, HIDING)
def test_redacted_lets_no_text_through_in_a_shape_nobody_foresaw(request: Any, response: Any, extra: Any) -> None:
    details = {"Request Payload": request, "Response Payload": response, "Other": extra}
    row = {"Payload Details": details, "payload details": extra, "Language": extra, "Zanzibar said so": extra}
    record = to_record("st-1", row, redact=True)
    assert b"zanzibar" not in orjson.dumps(record).lower()


@pytest.mark.parametrize(
    "hidden", ["Zanzibar", '{"Request Payload": "Zanzibar"}', ["Zanzibar"], [90, 97], {"Zanzibar": 1}]
)
def test_redacted_lets_no_text_through_in_a_row_or_in_details_that_are_none(hidden: Any) -> None:
    details = to_record("st-1", {"Payload Details": hidden}, redact=True)
    assert details["additional_columns"] == {"Payload Details": REMOVED}
    assert to_record("st-1", {"row": hidden}, redact=True)["additional_columns"] == {"row": REMOVED}
    if not isinstance(hidden, dict):
        assert to_record("st-1", hidden, redact=True)["additional_columns"] == {"row": REMOVED}


def test_redacted_tells_how_many_unknown_columns_it_removed_but_not_their_names() -> None:
    row = {"TTFT": 12, "Language": "en", "Status": "Success", "status ": "Failure", "Zanzibar": 1, "A word": "Zanzibar"}
    record = to_record("st-1", row, redact=True)
    assert record["status"] == "Success"
    assert record["additional_columns"] == {"TTFT": 12, "Language": REMOVED, "status ": REMOVED, REMOVED: 2}


LINE_ENDS = ("\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029")


@pytest.mark.parametrize("key", sorted(key for key, column in COLUMNS.items() if column in TEXTS))
def test_redacted_keeps_a_column_of_names_unless_it_holds_a_text(key: str) -> None:
    column = COLUMNS[key]
    assert to_record("st-1", {key: "Order pizza-GenAINode0002"}, redact=True)[column] == "Order pizza-GenAINode0002"
    for text in ("z" * (LONGEST_NAME + 1), *(f"You are an assistant.{end}User: hello" for end in LINE_ENDS), "end\r"):
        assert to_record("st-1", {key: text}, redact=True)[column] == REMOVED
        assert to_record("st-1", {key: text})[column] == text


def test_redacted_lets_no_numbers_through_that_could_stand_for_text() -> None:
    word = int.from_bytes(b"Zanzibar", "big")
    request = {"temperature": word, "max_tokens": -word, "top_p": True, "seed": [90, 97], "n": 1e300}
    lists = {"results": [{"tokenCount": 90}] * 2, "choices": [{"seed": 90}, {"n": 97}]}
    response = {"usage": {"prompt_tokens": word, "completion_tokens": -1e9}, **lists}
    record = answered(response, redact=True, request=request, **{"Risk Score": word})
    assert record["request_payload"] == {}
    assert record["response_payload"] == {"usage": {}, "results": [{"tokenCount": 90}], "choices": [{}, {}]}
    assert record["additional_columns"] == {"Risk Score": REMOVED}


MODELS = (FOLDER / "models.txt").read_text().splitlines()


def test_names_of_models_are_known_and_nothing_else_is_taken_for_one() -> None:
    assert [model for model in MODELS if not is_model(model)] == []
    assert [text for text in HIDDEN["no models"] if is_model(text)] == []


def test_an_id_of_gemini_is_a_time_and_three_numbers_and_text_is_not_taken_for_one() -> None:
    def encoded(second: int, numbers: bytes) -> str:
        return b64encode(second.to_bytes(4, "little") + numbers, altchars=b"-_").rstrip(b"=").decode()

    now, three = 1_750_000_000, b"\xac\x45\xc0\xa4\xeb\xde\x0f\xd1\x8c\x95\xc8\x0a"
    published = ["UxQ6aM_sKbjFnvgPocrJaA", "oUioaJqMO4y1qtsP4dqUmQM", "9dBSaKxFwKTr3g_RjJXICg"]
    assert [one for one in [encoded(now, three), *published] if not is_gemini_id(one)] == []
    others = [f"{one[:9]}?!?!{one[9:]}" for one in published] + [
        "MyNameIsMariaAndI", "MariaLivesAt5ElmStreet", "call-me-at-030-1234567", "z" * 22, "A" * 22,
        *(encoded(second, three) for second in (0, 1_500_000_000, 2_300_000_000)),
        *(encoded(now, numbers) for numbers in (three[:-1] + b"\xca", three + b"\x01", three[:-5], b"\xff" * 60 + three,
                                                three + b"\xff", b"")),
    ]  # fmt: skip
    assert [text for text in others if is_gemini_id(text)] == []


@pytest.mark.parametrize(
    "details",
    [
        {"Response Payload": {"prompt_token_count": -(2**63), "generation_token_count": 2**63 - 1}},
        {"Response Payload": '{"usage": ', "Request Payload": "[" * 5000},
        {"Response Payload": json.dumps({"body": {"body": {"body": "{}"}}}), "Request Payload": {"body": "{"}},
        {"Response Payload": '{"body":' * 900 + "1" + "}" * 900},
        {"Response Payload": '{"error":' + '{"message":' * 900 + "1" + "}" * 901},
        {"Response Payload": [[{"candidates": 1}], 5, {"candidates": 5}, {"usageMetadata": []}]},
    ],
)
def test_a_value_that_is_too_large_or_too_deep_gives_null_and_never_breaks_the_reader(details: dict[str, Any]) -> None:
    for redact in (False, True):
        record = to_record("st-1", {"Payload Details": details}, redact)
        orjson.dumps(record)
        for value in of_a_call(record).values():
            assert value is None or isinstance(value, str | int | float)
            assert not isinstance(value, int) or value < 2**63
