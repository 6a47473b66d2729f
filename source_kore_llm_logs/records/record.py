"""Converts a row of the API into a flat record with an id. Nothing is dropped: unknown columns, and values that do not
fit their column, are kept in `additional_columns` under their own key."""

from collections import Counter
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Any

import orjson

from source_kore_llm_logs.records import identity, providers, redaction
from source_kore_llm_logs.records.decoding import Json, sanitize
from source_kore_llm_logs.records.identity import NOTHING, Columns, columns_of, folded
from source_kore_llm_logs.records.payloads import decode_payload
from source_kore_llm_logs.records.timestamps import parse_date

Record = dict[str, Any]
SCHEMA = Path(__file__).parents[1] / "schemas" / "llm_usage_logs.json"
EMPTY: Record = dict.fromkeys(orjson.loads(SCHEMA.read_bytes())["properties"])
SENTINEL_DATES = "a date of year 1 or 9999, which means no date, was left null and kept in `additional_columns`"
"""The key under which `to_record` counts in `repairs`, besides those of `sanitize`."""


def text(value: Any) -> str | None:
    if isinstance(value, bool | int | float):
        return orjson.dumps(value).decode()
    return value if isinstance(value, str) else None


TOP = frozenset(identity.COLUMNS.values()) - {"payload_details"}
DETAILS = frozenset(identity.DETAILS.values())
CONVERTERS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(TOP, text),
    **dict.fromkeys(("start_date", "end_date"), parse_date),
    **dict.fromkeys(("status_code", "time_taken_ms", "request_tokens", "response_tokens"), providers.whole_number),
    **dict.fromkeys(("request_payload", "response_payload"), lambda payload: payload),
}
"""Column -> converter of a value that is not null; it returns None for a value that does not fit."""
TEXTS = frozenset(column for column, convert in CONVERTERS.items() if convert is text)


def to_record(bot_id: str, row: Any, redact: bool = False, repairs: Counter[str] | None = None) -> Record:
    """Converts one row from `rows_in` into a record of the stream's schema. `redact` removes the text of prompts and
    answers, and all text of unknown columns. A row that is not an object is kept whole in `additional_columns` under
    `row`. `repairs` counts what was replaced, keyed by the text of a log line. Never raises."""
    row = sanitize_row(row if isinstance(row, dict) else {"row": row}, repairs)
    columns = columns_of(row, identity.NAMES)
    key, sent = columns.known.get("payload_details", NOTHING)
    details = columns_of(sent if isinstance(sent, dict) else {}, identity.DETAIL_NAMES)
    additional, inside = columns.others | columns.duplicates, details.others | details.duplicates
    record = EMPTY.copy()
    fill_columns(record, columns, TOP, additional)
    remove_sentinel_dates(record, columns, additional, repairs)
    fill_columns(record, details, DETAILS, inside)
    if inside or not (sent is None or isinstance(sent, dict)):
        additional[key] = inside or sent
    fill_columns(record, columns, DETAILS - TOP, additional)

    payloads = {column: decode_payload(record[column]) for column in ("request_payload", "response_payload")}
    response = payloads["response_payload"]
    answer = folded(response or {})
    fill_tokens(record, providers.usage_of(answer))
    record.update(providers.answer_of(answer))
    record["id"] = identity.row_id(bot_id, row, columns, details, record)
    record["provider"] = providers.provider(record["integration"], response or {}, record["response_id"])
    failed = (record["status"] or "").casefold() == "failure" or (record["status_code"] or 0) >= 400
    failure = providers.failure(record["response_payload"], response, answer, failed)
    record["error_type"], record["error_message"] = failure
    if record["bot_id"] is None:
        record["bot_id"] = bot_id
    if redact:
        payloads = redact_record(record, payloads)
        additional = redaction.redact_columns(additional)
    record.update(providers.parameters(payloads["request_payload"] or {}), additional_columns=additional or None)
    for column in payloads:
        if record[column] is not None and not isinstance(record[column], dict):
            record[column] = {"value": record[column]}
    return record


def sanitize_row(row: dict[str, Any], repairs: Counter[str] | None) -> dict[str, Any]:
    """The sanitized row; the row itself if there is nothing to replace, as in nearly every row."""
    try:
        # The record and its message are a few levels deeper than the row.
        is_clean = b"\\u0000" not in orjson.dumps([[[[[[[[row]]]]]]]])
    except TypeError:
        is_clean = False
    return row if is_clean else sanitize(row, repairs)


def fill_columns(record: Record, columns: Columns, wanted: Container[str], left: dict[str, Any]) -> None:
    """Fills columns that are still null. A value goes to `left` under its own key if it does not fit its column, if the
    column already has a different value, or if it is a duration that is rounded."""
    for column, (key, value) in columns.known.items():
        if value is None or column not in wanted:
            continue
        converted = value if type(value) is str and column in TEXTS else CONVERTERS[column](value)
        if converted is None and value != "":
            left[key] = value
            if column == "time_taken_ms":
                exact = providers.number(value)
                converted = None if exact is None or abs(exact) >= 2**53 else round(exact)
        if record[column] is None:
            record[column] = converted
        elif record[column] != converted:
            left[key] = value


def remove_sentinel_dates(record: Record, columns: Columns, left: dict[str, Any], repairs: Counter[str] | None) -> None:
    """Moves sentinel dates to `left`: programs write the first or last year for "no date". `end_date` decides to which
    part of the log a row belongs, or without it `start_date`, so only the one that decides is checked."""
    for column in ("end_date", "start_date"):
        if (record[column] or "").startswith(("0001", "9999")):
            key, value = columns.known[column]
            left[key], record[column] = value, None
            if repairs is not None:
                repairs[SENTINEL_DATES] += 1
        elif record[column] is not None:
            return


def fill_tokens(record: Record, usage: Mapping[str, int | None]) -> None:
    """Fills the token columns that are null. The log's own counts take precedence, and determine the total."""
    record.update({column: count for column, count in usage.items() if record[column] is None})
    if record["request_tokens"] is not None and record["response_tokens"] is not None:
        record["total_tokens"] = providers.whole_number(record["request_tokens"] + record["response_tokens"])


def redact_record(record: Record, payloads: Mapping[str, Json | None]) -> dict[str, Json | None]:
    """Redacts the columns filled so far, and fills those of the answer again from the redacted response. Returns the
    redacted payloads."""
    left = {column: payload and redaction.redact_payload(payload) for column, payload in payloads.items()}
    for column in TEXTS:
        if not redaction.is_name(record[column]):
            record[column] = redaction.REMOVED
    for column, payload in left.items():
        if record[column] is not None:
            record[column] = redaction.REMOVED if payload is None else payload
    if record["error_type"] not in redaction.ERRORS:
        record["error_type"] = None
    record.update(providers.answer_of(folded(left["response_payload"] or {})), error_message=None)
    return left
