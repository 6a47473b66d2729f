"""The id stands for a call: it survives everything that is no other call, and tells nothing of what was said."""

import json
import random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from source_kore_llm_logs.records.identity import COLUMNS, DETAILS, NAMES, fold
from source_kore_llm_logs.records.record import to_record
from unit_tests.test_payloads import SAMPLE

PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | PLAIN
JSON = st.recursive(
    VALUES | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
    max_leaves=8,
)
PAYLOADS = JSON | st.fixed_dictionaries({"id": PLAIN, "text": PLAIN, "usage": JSON})
TOKENS = st.none() | st.integers(0, 2**31)
INSIDE = st.fixed_dictionaries(
    {},
    optional={"Prompt Name": VALUES, "Request Payload": PAYLOADS, "Response Payload": PAYLOADS,
              "Request Tokens": TOKENS, "Response Tokens": TOKENS},
)  # fmt: skip
FLAT = {key: VALUES for key in COLUMNS if key not in ("Payload Details", "Session ID")}
ROWS = st.fixed_dictionaries({}, optional={**FLAT, "Payload Details": INSIDE}).map(dict)
NEW_COLUMNS = st.dictionaries(PLAIN.filter(lambda key: fold(key) not in NAMES), JSON, max_size=4)


def id_of(row: Any, redact: bool = False) -> str:
    identity: str = to_record("st-1", row, redact)["id"]
    return identity


def tells_a_call(row: dict[str, Any]) -> bool:
    """Whether anything counts in the id of a row but the whole of it."""
    flat = {**row, **(row.get("Payload Details") or {})}
    return any(value not in (None, "") for key, value in flat.items() if key not in ("Bot ID", "Payload Details"))


def shuffled(value: Any, seed: int) -> Any:
    if isinstance(value, list):
        return [shuffled(inner, seed) for inner in value]
    if not isinstance(value, dict):
        return value
    items = list(value.items())
    random.Random(seed).shuffle(items)
    return {key: shuffled(inner, seed) for key, inner in items}


def respelled(row: dict[str, Any], seed: int) -> dict[str, Any]:
    draw = random.Random(seed)

    def other(key: str) -> str:
        ways = (key.upper, key.lower, key.strip, key.title, lambda: key.replace(" ", "_"), lambda: f" {key}-")
        return draw.choice(ways)()

    row = {other(key): value for key, value in row.items()}
    for key, value in row.items():
        if fold(key) == "payloaddetails" and isinstance(value, dict):
            row[key] = {other(inner): found for inner, found in value.items()}
    return row


@settings(max_examples=400, deadline=None)
@given(ROWS, NEW_COLUMNS, NEW_COLUMNS, st.integers(0, 2**32))
def test_the_id_survives_new_columns_and_another_order_and_spelling_of_the_keys(
    row: dict[str, Any], columns: dict[str, Any], inside: dict[str, Any], seed: int
) -> None:
    assume(tells_a_call(row))
    later = {**columns, **row, "Session ID": "s-1"}
    if row.get("Payload Details"):
        later["Payload Details"] = {**inside, **row["Payload Details"]}
    assert id_of(later) == id_of(shuffled(row, seed)) == id_of(respelled(row, seed)) == id_of(row)


@settings(max_examples=200, deadline=None)
@given(ROWS, st.integers(0, 2**20), st.integers(0, 2**20), st.booleans(), st.integers(0, 2**32))
def test_the_id_survives_counts_filled_in_later(
    row: dict[str, Any], asked: int, answered: int, one_only: bool, seed: int
) -> None:
    details = {**(row.get("Payload Details") or {}), "Response Payload": {"usage": {
        "prompt_tokens": asked, "completion_tokens": answered}}}  # fmt: skip
    for key in ("Request Tokens", "Response Tokens"):
        details.pop(key, None)
    later = {**details, "Request Tokens": asked} | ({} if one_only else {"Response Tokens": str(answered)})
    filled = shuffled(respelled({**row, "Payload Details": later}, seed), seed)
    assert id_of(filled, redact=one_only) == id_of({**row, "Payload Details": details})


@settings(max_examples=200, deadline=None)
@given(ROWS | st.dictionaries(PLAIN, JSON, max_size=4) | JSON)
def test_the_id_survives_redaction(row: Any) -> None:
    assert id_of(row, redact=True) == id_of(row)


@settings(max_examples=300, deadline=None)
@given(ROWS, st.sampled_from(sorted(FLAT)), VALUES)
def test_another_value_of_a_documented_column_is_another_call(row: dict[str, Any], column: str, value: Any) -> None:
    assume(json.dumps(row.get(column)) != json.dumps(value))
    assume(tells_a_call({**row, column: value}) or tells_a_call(row))
    assume((row.get(column), value) not in ((None, ""), ("", None)))
    assert id_of({**row, column: value}) != id_of(row)


@pytest.mark.parametrize("key", DETAILS)
def test_every_part_of_the_payload_details_counts_and_the_provider_s_id(key: str) -> None:
    details = SAMPLE["Payload Details"]
    response = {**details["Response Payload"], "id": "chatcmpl-90OAYDFFkbjgMxhMxKukwqklT6SWp"}
    for other in ({key: 7 if "Tokens" in key else "something else"}, {"Response Payload": response}):
        assert id_of({**SAMPLE, "Payload Details": {**details, **other}}) != id_of(SAMPLE)


LETTERS = st.text("abcdefghijklmnopqrstuvwxyz ,.", min_size=1, max_size=40)


@settings(max_examples=200, deadline=None)
@given(LETTERS, st.randoms(use_true_random=False))
def test_texts_of_one_length_give_one_id(text: str, draw: random.Random) -> None:
    def said(words: str) -> dict[str, Any]:
        request = {"model": "gpt-4", "messages": [{"role": "user", "content": words}]}
        response = {"id": "chatcmpl-1", "choices": [{"message": {"content": words}}], "error": {"message": words}}
        return {"Status": "Success", "Payload Details": {"Request Payload": request, "Response Payload": response}}

    other = "".join(draw.choice("xyz") for _ in text)
    assert id_of(said(text)) == id_of(said(other))
    assert id_of(said(text)) != id_of(said(text + "!"))
    for payload, twin in ((text, other), ([text], [other]), ({"id": f"a {text}"}, {"id": f"a {other}"})):
        one, two = ({"Status": "Success", "Payload Details": {"Response Payload": p}} for p in (payload, twin))
        assert id_of(one) == id_of(two)


@settings(max_examples=200, deadline=None)
@given(JSON, JSON)
def test_a_row_with_nothing_to_know_it_by_is_known_by_the_whole(one: Any, other: Any) -> None:
    assume(json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True))
    for nothing in ({}, {"Bot ID": "st-1"}, {"Status": None, "Description": ""}):
        assert id_of({"New": one, **nothing}) != id_of({"New": other, **nothing})


def test_equal_rows_of_two_bots_stay_two() -> None:
    for row in ({}, SAMPLE):
        assert to_record("st-1", row)["id"] != to_record("st-2", row)["id"]


SPELLINGS = ("Status", "status", "STATUS", "status ", "st atus")


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(SPELLINGS), st.sampled_from(["A", "B", None, "", 1, True]), min_size=2))
def test_of_several_spellings_one_wins_whatever_their_order_and_nothing_is_lost(row: dict[str, Any]) -> None:
    record = to_record("st-1", row)
    backwards = dict(reversed(row.items()))
    assert to_record("st-1", backwards) == record
    given_values = sorted(json.dumps(value) for value in row.values() if value is not None)
    kept = [*(record["additional_columns"] or {}).values()]
    wins = [row[key] for key in ("Status", *sorted(set(row) - {"Status"})) if row.get(key) is not None][:1]
    assert [record["status"]] == [None if not wins else wins[0] if isinstance(wins[0], str) else json.dumps(wins[0])]
    assert sorted(json.dumps(value) for value in kept + wins) == given_values


TWO_VALUES = st.tuples(st.sampled_from("ABC"), st.sampled_from("ABC"))


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(SPELLINGS), TWO_VALUES, min_size=1))
def test_rows_that_differ_in_any_spelling_of_a_column_are_two_calls(values: dict[str, tuple[str, str]]) -> None:
    one, other = ({key: pair[which] for key, pair in values.items()} for which in (0, 1))
    assert (id_of(one) == id_of(other)) == (one == other)


def test_a_column_that_is_sent_once_more_in_another_spelling_changes_nothing() -> None:
    assert id_of({**SAMPLE, "featureName": SAMPLE["Feature Name "]}) == id_of(SAMPLE)
    details = {**SAMPLE["Payload Details"], "requestPayload": SAMPLE["Payload Details"]["Request Payload"]}
    assert id_of({**SAMPLE, "Payload Details": details}) == id_of(SAMPLE)
