"""One API row becomes one flat record, and its id.

The vendor's keys are spelled unevenly (`start Date`, `Feature Name ` with a trailing space) [D], so a column is
known by its key without case, spaces or underscores. Nothing is dropped: a column that is not known, or a value
that does not fit its column, is kept in `additional_columns` under its own key.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from source_kore_llm_logs.records.failure import failure
from source_kore_llm_logs.records.identity import DETAILS, DOCUMENTED, Columns, columns_of, fold, row_id
from source_kore_llm_logs.records.payloads import describe, opened, response_id
from source_kore_llm_logs.records.plain_json import fits_64_bits, plain
from source_kore_llm_logs.records.provider import provider
from source_kore_llm_logs.records.redaction import ERRORS, REMOVED, harmless, harmless_columns, is_name
from source_kore_llm_logs.records.timestamps import MISFIT, instant, is_sentinel
from source_kore_llm_logs.records.usage import Json, count

Record = dict[str, Any]


def text(value: Any) -> Any:
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, bool | int | float):
        return orjson.dumps(value).decode()
    return MISFIT


def whole_number(value: Any) -> Any:
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value if fits_64_bits(value) else MISFIT
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value == int(value) and fits_64_bits(int(value)) else MISFIT
    if isinstance(value, str) and re.fullmatch(r"\s*-?\d{1,18}(\.0+)?\s*", value):
        return int(float(value)) if "." in value else int(value)
    return MISFIT


Converter = Callable[[Any], Any]

COLUMNS: Mapping[str, tuple[str, Converter]] = {
    "botid": ("bot_id", text),
    "sessionid": ("session_id", text),
    "userid": ("user_id", text),
    "taskid": ("task_id", text),
    "channelname": ("channel_name", text),
    "featurename": ("feature_name", text),
    "promptname": ("prompt_name", text),
    "integration": ("integration", text),
    "modelname": ("model_name", text),
    "description": ("description", text),
    "status": ("status", text),
    "statuscode": ("status_code", whole_number),
    "startdate": ("start_date", instant),
    "enddate": ("end_date", instant),
    "timetaken": ("time_taken_ms", whole_number),
}
EMPTY: Record = dict.fromkeys(
    (
        "id", "bot_id", "session_id", "user_id", "task_id", "channel_name", "feature_name", "prompt_name",
        "integration", "model_name", "description", "status", "status_code", "start_date", "end_date",
        "time_taken_ms", "request_tokens", "response_tokens", "total_tokens", "cached_tokens", "cache_write_tokens",
        "reasoning_tokens", "provider", "request_model", "response_model", "response_id", "finish_reason",
        "error_type", "error_message", "temperature", "top_p", "max_tokens", "frequency_penalty",
        "presence_penalty", "request_payload", "response_payload", "additional_columns",
    )
)  # fmt: skip
NAMES = tuple(column for column, converter in COLUMNS.values() if converter is text)
SPELLINGS = {fold(key): key for key in (*DOCUMENTED, "Session ID")}
DETAIL_SPELLINGS = {fold(key): key for key in DETAILS}
UNDOCUMENTED = frozenset(
    ["language", "ttft", "conversationid", "channeluserid", "guardrailoutcome", "riskscore", "integrationtype"]
)
"""Columns of the product's screen; whether the API gives them is not known [U]."""

SENTINELS = (
    "dates were of year 1 or 9999, which stands for none: each was left null and kept in `additional_columns` "
    "(a date counts each time it is read)"
)
"""What `to_record` counts in `repairs`, beside what `plain` does."""

NO_COLUMNS = Columns({}, {}, {})


def to_record(bot_id: str, row: Any, redact: bool = False, repairs: Counter[str] | None = None) -> Record:
    """One row as the API sends it -> one record of the stream's schema. Raises nothing.

    `redact` removes the text of prompts and answers, and every text in a column that is not known (see `redaction`).
    A row that is not an object is kept whole in `additional_columns` under `row`.
    `repairs` is told how often something was mended, under the words of a log line; threads may share it.
    """
    row = mended(row if isinstance(row, dict) else {"row": row}, repairs)
    columns = columns_of(row, SPELLINGS)
    record = EMPTY.copy()
    additional = {**columns.others, **columns.twins}
    details, inside = NO_COLUMNS, None
    for name, (key, value) in columns.known.items():
        if name == "payloaddetails":
            if isinstance(value, dict):
                details, inside = columns_of(value, DETAIL_SPELLINGS), key
            else:
                additional[key] = value
            continue
        column, convert = COLUMNS[name]
        converted = convert(value)
        if converted is MISFIT:
            additional[key] = plain(value)
        else:
            record[column] = converted
    leave_out_sentinels(record, columns, additional, repairs)
    request = response = None
    if inside is not None:
        left = fill_from_details(record, details)
        if left:
            additional[inside] = left
        request, response = opened(record["request_payload"]), opened(record["response_payload"])
    record["id"] = row_id(bot_id, row, columns, details, response_id(response))
    if inside is not None:
        describe_call(record, request, response, redact)
    if record["bot_id"] is None:
        record["bot_id"] = bot_id
    if redact:
        additional = additional and harmless_columns(additional, is_known)
        for name in NAMES:
            if not is_name(record[name]):
                record[name] = REMOVED
    if additional:
        record["additional_columns"] = additional
    return record


def mended(row: dict[str, Any], repairs: Counter[str] | None) -> dict[str, Any]:
    """The row itself where it is plain JSON, as nearly every row is; else what `plain` makes of it."""
    try:
        if b"\\u0000" not in orjson.dumps(row):
            return row
    except (TypeError, RecursionError):  # orjson.JSONEncodeError is a TypeError.
        pass
    plain_row: dict[str, Any] = plain(row, repairs)
    return plain_row


def leave_out_sentinels(
    record: Record, columns: Columns, additional: dict[str, Any], repairs: Counter[str] | None
) -> None:
    """A row is filed under its end, or its start where it has no end: neither may be a date that stands for none."""
    for name in ("enddate", "startdate"):
        column = COLUMNS[name][0]
        if is_sentinel(record[column]):
            key, additional_value = columns.known[name]
            additional[key], record[column] = additional_value, None
            if repairs is not None:
                repairs[SENTINELS] += 1
        elif record[column] is not None:
            return


def fill_from_details(record: Record, details: Columns) -> dict[str, Any]:
    """Fills the record's columns from `Payload Details`; returns what is left over."""
    left = {**details.others, **details.twins}
    for name, (key, value) in details.known.items():
        if name == "requestpayload":
            record["request_payload"] = value
        elif name == "responsepayload":
            record["response_payload"] = value
        elif name == "promptname":
            if isinstance(value, str) and record["prompt_name"] in (None, value):
                record["prompt_name"] = value
            elif value is not None:
                left[key] = value
        elif value is not None:
            tokens = count(value)
            if tokens is None:
                left[key] = plain(value)
            record["request_tokens" if name == "requesttokens" else "response_tokens"] = tokens
    return left


def describe_call(record: Record, request: Json | None, response: Json | None, redact: bool) -> None:
    """Fills the columns of a call from its payloads, and makes the payloads objects: what is none stands in `value`.

    With `redact`, nothing is left of a payload but what is harmless, and columns are read from that.
    """
    record["provider"] = provider(record["integration"], response)
    failed = (record["status"] or "").casefold() == "failure" or (record["status_code"] or 0) >= 400
    record["error_type"], record["error_message"] = failure(record["response_payload"], response, failed)
    if redact:
        record["error_message"] = None
        if record["error_type"] not in ERRORS:
            record["error_type"] = None
        request, response = (None if opened is None else harmless(opened) for opened in (request, response))
    describe(record, request, response)
    for column, content in (("request_payload", request), ("response_payload", response)):
        payload = record[column]
        if redact and payload is not None:
            payload = REMOVED if content is None else content
        record[column] = payload if payload is None or isinstance(payload, dict) else {"value": payload}


def is_known(key: str) -> bool:
    name = fold(key)
    return name in COLUMNS or name in UNDOCUMENTED or name in ("payloaddetails", "row")
