"""A body becomes rows: what is odd inside a row is mended, a body that has lost rows is never taken for whole."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from source_kore_llm_logs.records.decoding import MAX_PARSED_DEPTH, rows_in

NUMBERS: dict[str, Any] = json.loads((Path(__file__).parent / "fixtures" / "numbers.json").read_text())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b"[]", []), (b' \n[{"a": 1}]\n', [{"a": 1}]), (b'\xef\xbb\xbf[{"a": 1}]', [{"a": 1}]),
        (b'{"hits": [{"a": 1}], "total": 1}', [{"a": 1}]), (b'["text", 5, null]', ["text", 5, None]),
    ],
)  # fmt: skip
def test_an_array_and_an_object_with_hits_are_rows(body: bytes, rows: list[Any]) -> None:
    assert rows_in(body) == rows


@pytest.mark.parametrize(
    ("error", "bodies"),
    [
        (TypeError, [b"null", b'"text"', b"5", b"{}", b'{"errors": [{"msg": "no"}]}', b'{"hits": {"a": 1}}']),
        (ValueError, [b"", b" ", b"<html>", b"Service Unavailable", b"[1] [2]", b'[{"a": 1}', b"]", b"\xff\xfe"]),
        (ValueError, [b'[{"deep": ' + b"[" * 3000 + b"]" * 2999, b"[" * 3000, b'[{"a": "' + b"[" * 3000]),
    ],
)
def test_what_is_not_rows_is_a_type_error_or_cut_off_a_value_error(error: type[Exception], bodies: list[bytes]) -> None:
    for body in bodies:
        with pytest.raises(error, match=r"."):
            rows_in(body)


ODD = b'[{"a": "caf\xc3\xa9 \x01 \xff \\u0000"}, {"b": [12345678901234567890123, "\xf0\x9f\x98\x9e"]}, {"c": 1}]'


def test_a_body_that_ends_in_the_middle_is_never_mended_wherever_it_ends() -> None:
    for body in (ODD, orjson.dumps([{"a": "x"}, {"b": "\u0000"}])):
        assert rows_in(body)
        for end in range(len(body)):
            with pytest.raises(ValueError, match=r"."):
                rows_in(body[:end])


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"caf\xe9", "caf\ufffd"), (b"\xf0\x9f\x98", "\ufffd"), (b"\xed\xa0\xbd", "\ufffd\ufffd\ufffd"),
        (b"a\x01b\x1f", "a\ufffdb\ufffd"), (b"a\x00b", "a\0b"), (b"a\\u0000b", "a\0b"), (b"a\\u0001b", "a\x01b"),
        (b"two\nlines\r\n\tand a tab", "two\nlines\r\n\tand a tab"), (b"\\ud800", "\ud800"),
    ],
)  # fmt: skip
def test_a_byte_that_json_does_not_allow_costs_no_other_row_and_no_other_character(sent: bytes, read: str) -> None:
    rows = rows_in(b'[{"first": "\xc3\xa9"}, {"odd%s": "%s"}, {"last": 1}]' % (sent, sent))
    assert rows == [{"first": "é"}, {f"odd{read}": read}, {"last": 1}]


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ('{"a": 1, "a": 2}', {"a": 2, "a ": 1}),
        ('{"a":1,"b":5,"a":1}', {"a": 1, "b": 5, "a ": 1}),
        ('{"a": 1, "a ": 2, "a": 3}', {"a": 3, "a ": 2, "a  ": 1}),
        ('{"a": 1, "a": {"b": "x", "b": "\\":"}, "a": null}', {"a": None, "a ": 1, "a  ": {"b": '":', "b ": "x"}}),
        ('{"a" : 1 , "a" : 2}', {"a": 2, "a ": 1}),
        ('{"a\\\\": 1, "a\\u005c": 2}', {"a\\": 2, "a\\ ": 1}),
        ('{"a": "x, \\"a\\": y", "b": ":"}', {"a": 'x, "a": y', "b": ":"}),
        ('{"\\u003a": 1, "a": 2, "a": 3}', {":": 1, "a": 3, "a ": 2}),
        ('{"\\u003a": ":", "a": 1.50, "b": 1E2}', {":": ":", "a": 1.5, "b": 100.0}),
    ],
)
def test_of_equal_keys_the_last_has_the_name_and_none_is_lost(sent: str, read: Any) -> None:
    for space in ("", " "):
        assert rows_in(f'[{{}},{space}{sent},{{"deep":[{sent}]}}]'.encode()) == [{}, read, {"deep": [read]}]


@pytest.mark.parametrize(
    ("sent", "read"), [*NUMBERS.items(), ("1" * 5000, "1" * 5000), ("-" + "9" * 400, "-" + "9" * 400)]
)
def test_a_number_that_64_bits_do_not_hold_keeps_its_digits_as_text(sent: str, read: Any) -> None:
    (row, alone) = rows_in(f'[{{"n": {sent}, "m": [{sent},\n{sent} ]}}, {sent}]'.encode())
    for found in (alone, row["n"], *row["m"]):
        assert (found, type(found)) == (read, type(read))


@settings(max_examples=300, deadline=None)
@given(st.lists(JSON, max_size=3))
def test_whatever_is_plain_json_comes_out_as_it_went_in(rows: list[Any]) -> None:
    def as_read(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: as_read(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [as_read(inner) for inner in value]
        is_long = isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63
        return str(value) if is_long else value

    expected = as_read(rows)
    for body in (json.dumps(rows), json.dumps(rows, ensure_ascii=False)):
        assert rows_in(body.encode("utf-8", "surrogatepass")) == expected


@pytest.mark.parametrize("depth", [2, MAX_PARSED_DEPTH - 2, MAX_PARSED_DEPTH, 1_500, 100_000])
def test_rows_of_any_depth_are_read_and_nothing_of_them_is_lost(depth: int) -> None:
    deep = '{"a": [' * (depth // 2) + '"] } \\" leaf"' + "]}" * (depth // 2)
    found = rows_in(f'[{{"x": 1, "deep": {deep}, "y": {deep}}}, {{"next": true}}]'.encode())
    assert (found[0]["x"], found[1]) == (1, {"next": True})
    for value in (found[0]["deep"], found[0]["y"]):
        levels = 0
        while not isinstance(value, str):
            value = value["a"] if isinstance(value, dict) else value[0]
            levels += 1
        assert "leaf" in value
        levels_left_as_text = 2 * value.count('{"a": [') + value.startswith("[")
        assert levels + levels_left_as_text == depth
