"""Rows that break pipelines: each arrives harmless, costs no other row, and loses only what cannot be written."""

import json
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


def arrived(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """User id -> record. Nothing failed, each row came once, and every line is JSON for strict readers, too."""
    assert outcome.code == 0, outcome.errors
    assert set(outcome.ids.values()) == {1}
    for line in outcome.stdout.rstrip("\n").split("\n"):
        orjson.loads(line)
    records = {record["user_id"]: record for record in outcome.records}
    assert len(records) == len(outcome.records)
    assert {"first", "last"} <= set(records)
    return records


def synced(rows: dict[str, Any], reading: Reading | None = None, dates: bool = True) -> dict[str, dict[str, Any]]:
    with log_of(rows, reading, dates) as emulator:
        records = arrived(read(emulator.config(**PERIOD)))
    assert set(rows) <= set(records)
    return records


IMPOSSIBLE = (
    "0001-01-01T00:00:00+05:30", "9999-12-31T23:59:59-05:00", "2026-11-25T17:00:00+24:00", "2026-11-25/17:00",
    "2024-02-30T00:00:00.000Z", "2024-03-08T25:00:00.000Z", "0000-00-00T00:00:00.000Z", 10**18, -5, True, ["x"],
)  # fmt: skip


def test_impossible_dates_are_null_and_kept_and_their_bot_goes_on() -> None:
    rows = {f"end {n}": {"start Date": START, "End Date": date} for n, date in enumerate(IMPOSSIBLE)}
    rows |= {f"both {n}": {"start Date": date, "End Date": date} for n, date in enumerate(IMPOSSIBLE)}
    with log_of(rows, dates=False) as emulator:
        outcome = read(emulator.config(**PERIOD))
        records = arrived(outcome)
        again = read(emulator.config(**PERIOD), state=outcome.states[-1:])
    assert again.code == 0
    for n, date in enumerate(IMPOSSIBLE):
        assert "end_date" not in records[f"end {n}"]
        assert records[f"end {n}"]["start_date"] == START
        assert records[f"end {n}"]["additional_columns"] == {"End Date": date}
        assert not {"start_date", "end_date"} & set(records[f"both {n}"])
        assert records[f"both {n}"]["additional_columns"] == {"start Date": date, "End Date": date}


def test_years_below_1000_are_written_with_four_digits() -> None:
    records = synced({"old": {"start Date": "0500-06-01T00:00:00Z", "End Date": END}}, dates=False)
    assert records["old"]["start_date"] == "0500-06-01T00:00:00.000Z"


SENTINELS = ("9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00Z", "9999-12-31")


def test_a_sentinel_end_is_no_end_so_the_row_belongs_to_its_start_and_that_is_told_once() -> None:
    rows = {f"end {n}": {"start Date": START, "End Date": date} for n, date in enumerate(SENTINELS)}
    with log_of(rows, dates=False) as emulator:
        outcome = read(emulator.config(**PERIOD))
        records = arrived(outcome)
        again = read(emulator.config(**PERIOD), state=outcome.states[-1:])
    for n, date in enumerate(SENTINELS):
        record = records[f"end {n}"]
        assert (record["start_date"], record.get("end_date")) == (START, None)
        assert record["additional_columns"] == {"End Date": date}
    assert outcome.log.count("of year 1 or 9999") == 1
    assert outcome.cursors[BOT].startswith("2024-0")
    assert again.code == 0
    clean = {"good": {"Status": "Success"}}
    with log_of(clean) as emulator:
        assert "of year 1 or 9999" not in read(emulator.config(**PERIOD)).log


def test_u0000_becomes_ufffd_wherever_it_stands_and_that_is_told_once() -> None:
    rows = {
        "text": b'"Description": "a\\u0000b"',
        "key": b'"new\\u0000": 1',
        "raw": b'"Description": "a\x00b"',
        "payload": b'"Payload Details": {"Request Payload": {"messages": ["\\u0000"]}, "Response Payload": "x\\u0000"}',
        "json text": b'"Payload Details": {"Response Payload": "{\\"id\\": \\"a\\\\u0000b\\"}"}',
    }
    with log_of(rows) as emulator:
        outcome = read(emulator.config(**PERIOD))
        records = arrived(outcome)
    assert records["text"]["description"] == records["raw"]["description"] == f"a{FFFD}b"
    assert records["key"]["additional_columns"] == {f"new{FFFD}": 1}
    assert records["payload"]["request_payload"] == {"messages": [FFFD]}
    assert records["payload"]["response_payload"] == {"value": f"x{FFFD}"}
    assert records["json text"]["response_id"] == f"a{FFFD}b"
    assert outcome.log.count("U+0000") == 1

    def texts(value: Any) -> Iterator[str]:
        for part in value if isinstance(value, list) else [*value, *value.values()] if isinstance(value, dict) else ():
            yield from texts(part)
        if isinstance(value, str):
            yield value

    assert not any("\0" in text for record in outcome.records for text in texts(record))


BAD_BYTES = {
    "latin 1": b'"Description": "caf\xe9"',
    "half a character": b'"Description": "\xf0\x9f\x98"',
    "control": b'"Description": "a\x01b", "k\x02": 1',
    "lines": b'"Description": "two\nlines\tand a tab"',
    "payload": b'"Payload Details": {"Request Payload": {"text": "\xff\x0b"}}',
}


def test_a_bad_byte_in_one_row_is_replaced_and_costs_no_other_row_and_no_other_request() -> None:
    with log_of({name: {"Description": name} for name in BAD_BYTES}) as emulator:
        arrived(read(emulator.config(**PERIOD)))
        requests = len(emulator.requests)
    with log_of(BAD_BYTES) as emulator:
        outcome = read(emulator.config(**PERIOD))
        records = arrived(outcome)
        assert len(emulator.requests) == requests
    assert "cut off" not in outcome.log
    assert records["latin 1"]["description"] == f"caf{FFFD}"
    assert records["half a character"]["description"] == FFFD
    assert records["control"]["description"] == f"a{FFFD}b"
    assert records["control"]["additional_columns"] == {f"k{FFFD}": 1}
    assert records["lines"]["description"] == "two\nlines\tand a tab"
    assert records["payload"]["request_payload"] == {"text": FFFD * 2}


def test_an_answer_that_is_cut_off_is_asked_for_again_though_it_holds_bad_bytes() -> None:
    rows = {**BAD_BYTES, "long": {"Description": "x" * 2000}}
    with log_of(rows, Reading(faults_script=["truncated", "broken", None])) as emulator:
        outcome = read(emulator.config(**PERIOD))
        records = arrived(outcome)
        assert [seen.rows for seen in emulator.requests[:3]] == [0, 0, len(rows) + 2]
    assert set(rows) <= set(records)
    assert "cut off" in outcome.log


def test_integers_beyond_64_bits_keep_their_digits_as_text() -> None:
    digits = ("9223372036854775808", "-9223372036854775809", "18446744073709551616", "1" * 400)
    rows = {
        f"{n}": b'"Time Taken": %(n)s, "task Id": %(n)s, "New": [%(n)s], "Payload Details": {"Request Tokens": %(n)s, '
        b'"Request Payload": {"n": %(n)s}, "Response Payload": %(n)s}' % {b"n": number.encode()}
        for n, number in enumerate(digits)
    }
    records = synced(rows)
    for n, number in enumerate(digits):
        record = records[f"{n}"]
        assert not {"time_taken_ms", "request_tokens", "total_tokens"} & set(record)
        assert record["task_id"] == number
        assert record["request_payload"] == {"n": number}
        assert record["response_payload"] == {"value": number}
        kept = {"Time Taken": number, "New": [number], "Payload Details": {"Request Tokens": number}}
        assert record["additional_columns"] == kept


def test_a_total_of_tokens_stays_within_64_bits() -> None:
    most = 2**63 - 1
    records = synced({"total": {"Payload Details": {"Request Tokens": most, "Response Tokens": 1}}})
    assert (records["total"]["request_tokens"], records["total"]["response_tokens"]) == (most, 1)
    assert "total_tokens" not in records["total"]


def test_rows_that_differ_only_by_the_case_of_a_key_are_two_and_nothing_of_them_is_lost() -> None:
    rows = [{"Status": "A", "status": "same"}, {"Status": "B", "status": "same"}, {"status": "same", "STATUS": "C"}]
    bodies = [written("twin", row) for row in rows]
    with Emulator({BOT: raw_log(bodies)}) as emulator:
        outcome = read(emulator.config(**PERIOD))
    assert outcome.code == 0
    assert len(outcome.ids) == len(outcome.records) == 3
    told = {(record["status"], json.dumps(record["additional_columns"])) for record in outcome.records}
    assert told == {("A", '{"status": "same"}'), ("B", '{"status": "same"}'), ("C", '{"status": "same"}')}


def test_every_payload_is_an_object_whatever_was_logged() -> None:
    payloads = {"text": "Hello", "json text": '{"a": 1}', "empty": "", "list": [1, "x"], "number": 5, "false": False}
    rows = {
        name: {"Payload Details": {"Request Payload": p, "Response Payload": {"a": p}}} for name, p in payloads.items()
    }
    records = synced(rows)
    for name, payload in payloads.items():
        assert records[name]["request_payload"] == {"value": payload}
        assert records[name]["response_payload"] == {"a": payload}


def test_rows_that_no_reader_expects_arrive() -> None:
    rows = {
        "nan": b'"Time Taken": NaN, "x": [Infinity, -Infinity]',
        "surrogate": b'"Description": "half \\ud83d of a pair", "\\udc00": 1',
        "duplicate": b'"Status": "Success", "Status": "Failure"',
        "case": b'"Status": "Success", "status ": "Failure", "STATUS": "Neither"',
        "deep": b'"Payload Details": {"Request Payload": ' + b'{"a":[' * 3000 + b'"leaf"' + b"]}" * 3000 + b"}",
        "large": b'"Payload Details": {"Response Payload": "' + b"x" * 10_000_000 + b'"}',
        "float": b'"Time Taken": 1e400',
        "inner": b'"Payload Details": {"Request Payload": {"a": 1, "a": 2}, "Request Payload": {"a": 3}}',
        "control": b'"Description": "\\u001f \\u2028"',
    }
    with log_of(rows) as emulator:
        outcome = read(emulator.config(**PERIOD))
        records = arrived(outcome)
    assert set(rows) <= set(records)
    assert outcome.log.count("half a surrogate") == 1
    assert records["surrogate"]["description"] == f"half {FFFD} of a pair"
    assert records["surrogate"]["additional_columns"] == {FFFD: 1}
    assert records["duplicate"]["status"] == "Failure"
    assert records["duplicate"]["additional_columns"] == {"Status ": "Success"}
    assert records["inner"]["request_payload"] == {"a": 3}
    assert records["inner"]["additional_columns"] == {"Payload Details": {"Request Payload ": {"a": 2, "a ": 1}}}
    assert records["case"]["additional_columns"] == {"status ": "Failure", "STATUS": "Neither"}
    assert "leaf" in json.dumps(records["deep"]["request_payload"])
    assert len(records["large"]["response_payload"]["value"]) == 10_000_000
    assert records["control"]["description"] == "\x1f \u2028"
    assert records["nan"]["additional_columns"] == {"Time Taken": "NaN", "x": ["Infinity", "-Infinity"]}
    assert records["float"]["additional_columns"] == {"Time Taken": "1e400"}


def test_rows_that_are_no_objects_arrive_under_row() -> None:
    with Emulator({BOT: raw_log([b"null", b"[1, 2]", b'"text"', b"{}"])}) as emulator:
        outcome = read(emulator.config(**PERIOD))
    assert outcome.code == 0
    kept = sorted(json.dumps(record.get("additional_columns")) for record in outcome.records)
    assert kept == ["null", '{"row": "text"}', '{"row": [1, 2]}', '{"row": null}']


def test_harmful_rows_are_the_same_rows_redacted_and_as_harmless() -> None:
    rows: dict[str, Any] = {
        **BAD_BYTES,
        "nul": b'"Payload Details": {"Response Payload": "x\\u0000"}, "Big": 1%s' % (b"0" * 30),
    }
    rows |= {f"end {n}": b'"Status": "x\\u0000"' for n in range(2)}
    with log_of(rows) as emulator:
        full = arrived(read(emulator.config(**PERIOD)))
        redacted = arrived(read(emulator.config(**PERIOD, payload_content="redacted")))
    assert {name: record["id"] for name, record in redacted.items()} == {name: r["id"] for name, r in full.items()}
    assert redacted["nul"]["response_payload"] == {"value": "[redacted]"}
