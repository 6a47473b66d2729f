"""Rows that break pipelines: each arrives harmless, costs no other row, and loses only what cannot be written."""

import json
import re
from dataclasses import replace
from typing import Any

import orjson
import pytest

from integration_tests.command import Outcome, read
from integration_tests.kore_emulator import Emulator, Reading
from integration_tests.kore_emulator.log_rows import logged
from integration_tests.kore_emulator.simulation import Log
from source_kore_llm_logs.records.decoding import rows_in
from source_kore_llm_logs.records.record import to_record

BOT = "st-alpha"
START, END = "2024-03-08T06:38:54.008Z", "2024-03-08T06:38:58.386Z"
PERIOD = {"start_date": "2024-03-01", "end_date": "2024-04-01"}
Columns = bytes | dict[str, Any]


def written(name: str, columns: Columns) -> bytes:
    """A row with a `User ID` to find it by, as bytes."""
    given = {"User ID": name, "start Date": START, "End Date": END}
    if isinstance(columns, dict):
        return orjson.dumps(given | columns)
    return orjson.dumps(given)[:-1] + b", " + columns + b"}"


def serving(bodies: list[bytes], reading: Reading | None = None) -> Emulator:
    """A server with rows that are sent as they were written, valid JSON or not quite; all are filed under one call."""
    call = logged({"start Date": START, "End Date": END})
    return Emulator({BOT: Log(replace(logged(body), start=call.start, end=call.end) for body in bodies)}, reading)


def log_of(rows: dict[str, Columns], reading: Reading | None = None) -> Emulator:
    """The rows between two that nothing is wrong with."""
    between = {"first": {"Status": "Success"}, **rows, "last": {"Status": "Success"}}
    return serving([written(name, columns) for name, columns in between.items()], reading)


def arrived(outcome: Outcome, rows: dict[str, Columns]) -> None:
    """Nothing failed, each row came once, as the record that the unit tests see, and every line is
    JSON for strict readers, too."""
    assert outcome.code == 0, outcome.errors
    assert set(outcome.ids.values()) == {1}
    assert all(orjson.loads(line) for line in outcome.stdout.rstrip("\n").split("\n"))
    assert not re.search(r"(?<!\\)(\\\\)*\\u0000", outcome.stdout)
    records = {record["user_id"]: record for record in outcome.records}
    assert len(records) == len(outcome.records)
    assert {"first", "last", *rows} == set(records)
    for row in rows_in(b"[" + b", ".join(written(name, columns) for name, columns in rows.items()) + b"]"):
        record = to_record(BOT, row)
        assert records[record["user_id"]] == {name: value for name, value in record.items() if value is not None}


IMPOSSIBLE = (
    "0001-01-01T00:00:00+05:30", "9999-12-31T23:59:59-05:00", "2026-11-25T17:00:00+24:00", "2026-11-25/17:00",
    "2024-02-30T00:00:00.000Z", "2024-03-08T25:00:00.000Z", "0000-00-00T00:00:00.000Z", 10**18, -5, True, ["x"],
)  # fmt: skip
SENTINELS = ("9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00Z", "9999-12-31")
DATES: dict[str, Columns] = {
    **{f"end {date}": {"End Date": date} for date in (*IMPOSSIBLE, *SENTINELS)},
    **{f"both {date}": {"start Date": date, "End Date": date} for date in IMPOSSIBLE},
    "old": {"start Date": "0500-06-01T00:00:00Z"},
}
BAD_BYTES: dict[str, Columns] = {
    "latin 1": b'"Description": "caf\xe9"',
    "half a character": b'"Description": "\xf0\x9f\x98"',
    "control": b'"Description": "a\x01b", "k\x02": 1',
    "lines": b'"Description": "two\nlines\tand a tab"',
    "bad payload": b'"Payload Details": {"Request Payload": {"text": "\xff\x0b"}}',
}
HARMFUL: dict[str, Columns] = {
    **BAD_BYTES,
    "u0000": b'"Description": "a\\u0000b", "new\\u0000": 1',
    "raw u0000": b'"Description": "a\x00b"',
    "u0000 in payloads": b'"Payload Details": {"Request Payload": ["\\u0000"], "Response Payload": "x\\u0000"}',
    "u0000 in JSON text": b'"Payload Details": {"Response Payload": "{\\"id\\": \\"a\\\\u0000b\\"}"}',
    "a total beyond 64 bits": b'"Payload Details": {"Request Tokens": 9223372036854775807, "Response Tokens": 1}',
    "nan": b'"Time Taken": NaN, "x": [Infinity, -Infinity]',
    "surrogate": b'"Description": "half \\ud83d of a pair", "\\udc00": 1',
    "duplicate": b'"Status": "Success", "Status": "Failure"',
    "case": b'"Status": "Success", "status ": "Failure", "STATUS": "Neither"',
    # Two megabytes, which no buffer's end divides evenly.
    "large": b'"Payload Details": {"Response Payload": "' + ("x\u20ac" * 500_000).encode() + b'"}',
    "float": b'"Time Taken": 1e400',
    "inner": b'"Payload Details": {"Request Payload": {"a": 1, "a": 2}, "Request Payload": {"a": 3}}',
    "escaped": b'"Description": "\\u001f \\u2028"',
    "integer": b'"Time Taken": %(n)s, "task Id": %(n)s, "New": [%(n)s], "Payload Details": {"Request Tokens": %(n)s, '
    b'"Request Payload": {"n": %(n)s}, "Response Payload": %(n)s}' % {b"n": b"-9223372036854775809"},
    "deep": b'"Payload Details": {"Request Payload": ' + b'{"a":[' * 3000 + b'"leaf"' + b"]}" * 3000 + b"}",
}


@pytest.mark.parametrize(("rows", "surrogates", "sentinels"), [(DATES, 0, 1), (HARMFUL, 1, 0)])
def test_harmful_rows_arrive_as_they_would_alone_and_what_was_mended_is_told_once(
    rows: dict[str, Columns], surrogates: int, sentinels: int
) -> None:
    with log_of(rows) as emulator:
        outcome = read(emulator.config(**PERIOD))
    arrived(outcome, rows)
    assert outcome.log.count("half a surrogate") == surrogates
    assert outcome.log.count("of year 1 or 9999") == sentinels
    assert outcome.cursors[BOT].startswith("2024-0")


def test_a_bad_byte_costs_no_other_request_and_is_not_taken_for_an_answer_that_is_cut_off() -> None:
    requests = []
    for sent in ({name: {"Description": name} for name in BAD_BYTES}, BAD_BYTES):
        with log_of(sent) as emulator:
            outcome = read(emulator.config(**PERIOD))
            arrived(outcome, sent)
            requests.append(len(emulator.requests))
        assert "cut off" not in outcome.log
    assert requests[0] == requests[1]


def test_rows_that_are_no_objects_arrive_under_row() -> None:
    with serving([b"null", b"[1, 2]", b'"text"', b"{}"]) as emulator:
        outcome = read(emulator.config(**PERIOD))
    assert outcome.code == 0
    kept = sorted(json.dumps(record.get("additional_columns")) for record in outcome.records)
    assert kept == ["null", '{"row": "text"}', '{"row": [1, 2]}', '{"row": null}']
