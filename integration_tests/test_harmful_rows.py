"""Rows that break pipelines: each arrives harmless, costs no other row, and loses only what cannot be written."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import orjson

from integration_tests.command import Outcome, read
from integration_tests.kore_emulator import Emulator, Reading
from integration_tests.kore_emulator.log_rows import logged
from integration_tests.kore_emulator.simulation import Log

BOT = "st-alpha"
START, END = "2024-03-08T06:38:54.008Z", "2024-03-08T06:38:58.386Z"
PERIOD = {"start_date": "2024-03-01", "end_date": "2024-04-01"}
FFFD = "\ufffd"


def raw_log(bodies: list[bytes]) -> Log:
    """A log whose rows are sent as they were written, valid JSON or not quite; all are filed under one call."""
    call = logged({"start Date": START, "End Date": END})
    return Log(replace(logged(body), start=call.start, end=call.end) for body in bodies)


def written(name: str, columns: bytes | dict[str, Any], dates: bool = True) -> bytes:
    """A row with a `User ID` to find it by, as bytes."""
    inner = columns if isinstance(columns, bytes) else orjson.dumps(columns)[1:-1]
    given = {"User ID": name} | ({"start Date": START, "End Date": END} if dates else {})
    return b"{" + b", ".join(filter(None, [orjson.dumps(given)[1:-1], inner])) + b"}"


@contextmanager
def log_of(rows: dict[str, Any], reading: Reading | None = None, dates: bool = True) -> Iterator[Emulator]:
    """The rows between two that nothing is wrong with."""
    bodies = [written(name, columns, dates) for name, columns in rows.items()]
    whole = [written("first", {"Status": "Success"}), *bodies, written("last", {"Status": "Success"})]
    with Emulator({BOT: raw_log(whole)}, reading) as emulator:
        yield emulator


def arrived(outcome: Outcome, rows: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """User id -> record. Nothing failed, each row came once, and every line is JSON for strict readers, too."""
    assert outcome.code == 0, outcome.errors
    assert set(outcome.ids.values()) == {1}
    assert all(orjson.loads(line) for line in outcome.stdout.rstrip("\n").split("\n"))
    assert not re.search(r"(?<!\\)(\\\\)*\\u0000", outcome.stdout)
    records = {record["user_id"]: record for record in outcome.records}
    assert len(records) == len(outcome.records)
    assert {"first", "last", *rows} <= set(records)
    return records


IMPOSSIBLE = (
    "0001-01-01T00:00:00+05:30", "9999-12-31T23:59:59-05:00", "2026-11-25T17:00:00+24:00", "2026-11-25/17:00",
    "2024-02-30T00:00:00.000Z", "2024-03-08T25:00:00.000Z", "0000-00-00T00:00:00.000Z", 10**18, -5, True, ["x"],
)  # fmt: skip
SENTINELS = ("9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00Z", "9999-12-31")


def test_impossible_dates_and_sentinels_are_null_and_kept_and_their_bot_goes_on() -> None:
    dates = [*IMPOSSIBLE, *SENTINELS]
    rows = {f"end {n}": {"start Date": START, "End Date": date} for n, date in enumerate(dates)}
    rows |= {f"both {n}": {"start Date": date, "End Date": date} for n, date in enumerate(IMPOSSIBLE)}
    rows["old"] = {"start Date": "0500-06-01T00:00:00Z", "End Date": END}
    with log_of(rows, dates=False) as emulator:
        outcome = read(emulator.config(**PERIOD))
        again = read(emulator.config(**PERIOD), state=outcome.states[-1:])
    records = arrived(outcome, rows)
    assert again.code == 0
    assert outcome.cursors[BOT].startswith("2024-0")
    assert outcome.log.count("of year 1 or 9999") == 1
    for name, row in rows.items():
        record = records[name]
        if name.startswith("end"):
            assert (record["start_date"], record.get("end_date")) == (START, None)
            assert record["additional_columns"] == {"End Date": row["End Date"]}
        elif name.startswith("both"):
            assert not {"start_date", "end_date"} & set(record)
            assert record["additional_columns"] == row
    assert records["old"]["start_date"] == "0500-06-01T00:00:00.000Z"


BAD_BYTES: dict[str, tuple[bytes, dict[str, Any]]] = {
    "latin 1": (b'"Description": "caf\xe9"', {"description": f"caf{FFFD}"}),
    "half a character": (b'"Description": "\xf0\x9f\x98"', {"description": FFFD}),
    "control": (b'"Description": "a\x01b", "k\x02": 1',
                {"description": f"a{FFFD}b", "additional_columns": {f"k{FFFD}": 1}}),
    "lines": (b'"Description": "two\nlines\tand a tab"', {"description": "two\nlines\tand a tab"}),
    "bad payload": (b'"Payload Details": {"Request Payload": {"text": "\xff\x0b"}}',
                    {"request_payload": {"text": FFFD * 2}}),
}  # fmt: skip
DEEP = b'{"a":[' * 3000 + b'"leaf"' + b"]}" * 3000
LARGE = "x\u20ac" * 2_500_000
"""Ten megabytes, which no buffer's end divides evenly."""
HARMFUL: dict[str, tuple[bytes, dict[str, Any]]] = {
    **BAD_BYTES,
    "u0000": (b'"Description": "a\\u0000b", "new\\u0000": 1',
              {"description": f"a{FFFD}b", "additional_columns": {f"new{FFFD}": 1}}),
    "raw u0000": (b'"Description": "a\x00b"', {"description": f"a{FFFD}b"}),
    "u0000 in payloads": (
        b'"Payload Details": {"Request Payload": {"messages": ["\\u0000"]}, "Response Payload": "x\\u0000"}',
        {"request_payload": {"messages": [FFFD]}, "response_payload": {"value": f"x{FFFD}"}}),
    "u0000 in JSON text": (b'"Payload Details": {"Response Payload": "{\\"id\\": \\"a\\\\u0000b\\"}"}',
                           {"response_id": f"a{FFFD}b"}),
    "a total beyond 64 bits": (
        b'"Payload Details": {"Request Tokens": 9223372036854775807, "Response Tokens": 1}',
        {"request_tokens": 2**63 - 1, "response_tokens": 1, "total_tokens": None}),
    "nan": (b'"Time Taken": NaN, "x": [Infinity, -Infinity]',
            {"additional_columns": {"Time Taken": "NaN", "x": ["Infinity", "-Infinity"]}}),
    "surrogate": (b'"Description": "half \\ud83d of a pair", "\\udc00": 1',
                  {"description": f"half {FFFD} of a pair", "additional_columns": {FFFD: 1}}),
    "duplicate": (b'"Status": "Success", "Status": "Failure"',
                  {"status": "Failure", "additional_columns": {"Status ": "Success"}}),
    "case": (b'"Status": "Success", "status ": "Failure", "STATUS": "Neither"',
             {"status": "Success", "additional_columns": {"status ": "Failure", "STATUS": "Neither"}}),
    "large": (b'"Payload Details": {"Response Payload": "' + LARGE.encode() + b'"}',
              {"response_payload": {"value": LARGE}}),
    "float": (b'"Time Taken": 1e400', {"additional_columns": {"Time Taken": "1e400"}}),
    "inner": (b'"Payload Details": {"Request Payload": {"a": 1, "a": 2}, "Request Payload": {"a": 3}}',
              {"request_payload": {"a": 3},
               "additional_columns": {"Payload Details": {"Request Payload ": {"a": 2, "a ": 1}}}}),
    "escaped": (b'"Description": "\\u001f \\u2028"', {"description": "\x1f \u2028"}),
}  # fmt: skip
for digits in ("9223372036854775808", "-9223372036854775809", "18446744073709551616", "1" * 400):
    HARMFUL[f"integer {digits[:4]} of {len(digits)}"] = (
        b'"Time Taken": %(n)s, "task Id": %(n)s, "New": [%(n)s], "Payload Details": {"Request Tokens": %(n)s, '
        b'"Request Payload": {"n": %(n)s}, "Response Payload": %(n)s}' % {b"n": digits.encode()},
        {"time_taken_ms": None, "request_tokens": None, "total_tokens": None, "task_id": digits,
         "request_payload": {"n": digits}, "response_payload": {"value": digits},
         "additional_columns": {"Time Taken": digits, "New": [digits], "Payload Details": {"Request Tokens": digits}}},
    )  # fmt: skip
for payload in ("Hello", '{"a": 1}', "", [1, "x"], 5, False):
    details = {"Request Payload": payload, "Response Payload": {"a": payload}}
    HARMFUL[f"payload {payload}"] = (
        orjson.dumps({"Payload Details": details})[1:-1],
        {"request_payload": {"value": payload}, "response_payload": {"a": payload}},
    )


def test_harmful_rows_arrive_harmless_and_what_was_mended_is_told_once() -> None:
    rows = {name: sent for name, (sent, _) in HARMFUL.items()}
    rows["deep"] = b'"Payload Details": {"Request Payload": ' + DEEP + b"}"
    with log_of(rows) as emulator:
        outcome = read(emulator.config(**PERIOD))
    records = arrived(outcome, rows)
    for name, (_, expected) in HARMFUL.items():
        assert {column: records[name].get(column) for column in expected} == expected, name
    assert "leaf" in json.dumps(records["deep"]["request_payload"])
    assert outcome.log.count("half a surrogate") == 1
    assert "of year 1 or 9999" not in outcome.log


def test_a_bad_byte_costs_no_other_request_and_an_answer_that_is_cut_off_is_asked_for_again() -> None:
    requests = []
    rows: dict[str, Any] = {name: sent for name, (sent, _) in BAD_BYTES.items()}
    for sent in ({name: {"Description": name} for name in BAD_BYTES}, rows):
        with log_of(sent) as emulator:
            outcome = read(emulator.config(**PERIOD))
            arrived(outcome, sent)
            requests.append(len(emulator.requests))
        assert "cut off" not in outcome.log
    assert requests[0] == requests[1]
    rows["long"] = {"Description": "x" * 2000}
    with log_of(rows, Reading(faults_script=["truncated", "broken", None])) as emulator:
        outcome = read(emulator.config(**PERIOD))
        arrived(outcome, rows)
        assert [seen.rows for seen in emulator.requests[:3]] == [0, 0, len(rows) + 2]
    assert "cut off" in outcome.log


def test_rows_that_differ_only_by_the_case_of_a_key_are_two_and_nothing_of_them_is_lost() -> None:
    rows = [{"Status": "A", "status": "same"}, {"Status": "B", "status": "same"}, {"status": "same", "STATUS": "C"}]
    with Emulator({BOT: raw_log([written("twin", row) for row in rows])}) as emulator:
        outcome = read(emulator.config(**PERIOD))
    assert outcome.code == 0
    assert len(outcome.ids) == len(outcome.records) == 3
    told = {(record["status"], json.dumps(record["additional_columns"])) for record in outcome.records}
    assert told == {("A", '{"status": "same"}'), ("B", '{"status": "same"}'), ("C", '{"status": "same"}')}


def test_rows_that_are_no_objects_arrive_under_row() -> None:
    with Emulator({BOT: raw_log([b"null", b"[1, 2]", b'"text"', b"{}"])}) as emulator:
        outcome = read(emulator.config(**PERIOD))
    assert outcome.code == 0
    kept = sorted(json.dumps(record.get("additional_columns")) for record in outcome.records)
    assert kept == ["null", '{"row": "text"}', '{"row": [1, 2]}', '{"row": null}']


def test_harmful_rows_are_the_same_rows_redacted_and_as_harmless() -> None:
    rows = {name: sent for name, (sent, _) in HARMFUL.items() if name != "large"}
    with log_of(rows) as emulator:
        full = arrived(read(emulator.config(**PERIOD)), rows)
        redacted = arrived(read(emulator.config(**PERIOD, payload_content="redacted")), rows)
    assert {name: record["id"] for name, record in redacted.items()} == {name: r["id"] for name, r in full.items()}
    assert redacted["u0000 in payloads"]["response_payload"] == {"value": "[redacted]"}
