"""One API row becomes one flat record, and its id.

The vendor's keys are spelled unevenly (`start Date`, `Feature Name ` with a trailing space) [D], so a column is
known by its key without case, spaces or underscores. Nothing is dropped: a column that is not known, or a value
that does not fit its column, is kept in `additional_columns` under its own key.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from source_kore_llm_logs.records.identity import Row, fold, row_id
from source_kore_llm_logs.records.payloads import count, describe, opened
from source_kore_llm_logs.records.redaction import REMOVED, harmless, harmless_columns, is_name
from source_kore_llm_logs.records.timestamps import MISFIT, instant

Record = dict[str, Any]

DEEPEST = 100
"""Levels of nesting that are kept as JSON; what lies deeper is kept as JSON text."""


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
        return value if abs(value) < 2**63 else MISFIT
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value == int(value) and abs(value) < 2**63 else MISFIT
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
        "time_taken_ms", "request_tokens", "response_tokens", "total_tokens", "cached_tokens", "reasoning_tokens",
        "request_model", "response_model", "response_id", "finish_reason", "temperature", "top_p", "max_tokens",
        "frequency_penalty", "presence_penalty", "request_payload", "response_payload", "additional_columns",
    )
)  # fmt: skip
NAMES = tuple(column for column, converter in COLUMNS.values() if converter is text)
DETAILS = frozenset(["requestpayload", "responsepayload", "requesttokens", "responsetokens", "promptname"])
UNDOCUMENTED = frozenset(
    ["language", "ttft", "conversationid", "channeluserid", "guardrailoutcome", "riskscore", "integrationtype"]
)
"""Columns of the product's screen; whether the API gives them is not known [U]."""


def plain(value: Any, depth: int = 0) -> Any:
    """The same value as JSON that every reader accepts: no NaN, no lone surrogates, no endless nesting."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode() if not value.isascii() else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -(2**63) <= value < 2**64 else str(value)
    if isinstance(value, dict | list) and depth >= DEEPEST:
        return plain(json.dumps(value, ensure_ascii=True))
    if isinstance(value, dict):
        return {plain(key): plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner, depth + 1) for inner in value]
    return value


def details_of(details: Row, record: Record) -> dict[str, Any]:
    """Fills the record's columns from `Payload Details`; returns what is left over."""
    left: dict[str, Any] = {}
    for key, value in details.items():
        name = fold(key)
        if name == "requestpayload" and record["request_payload"] is None:
            record["request_payload"] = value
        elif name == "responsepayload" and record["response_payload"] is None:
            record["response_payload"] = value
        elif name == "requesttokens" and record["request_tokens"] is None and count(value) is not None:
            record["request_tokens"] = count(value)
        elif name == "responsetokens" and record["response_tokens"] is None and count(value) is not None:
            record["response_tokens"] = count(value)
        elif name == "promptname" and isinstance(value, str) and record["prompt_name"] in (None, value):
            record["prompt_name"] = value
        elif value is not None or name not in DETAILS:
            left[key] = value
    return left


def payload(record: Record, column: str, redact: bool) -> Row | None:
    """The object that the columns of a call are read from. With `redact` that is all that stays of the payload."""
    content = opened(record[column])
    if redact:
        content = None if content is None else harmless(content)
        record[column] = REMOVED if content is None and record[column] is not None else content
    return content


def is_known(key: str) -> bool:
    name = fold(key)
    return name in COLUMNS or name in UNDOCUMENTED or name in ("payloaddetails", "row")


def to_record(bot_id: str, row: Any, redact: bool = False) -> Record:
    """One row as the API sends it -> one record of the stream's schema.

    `redact` removes the text of prompts and answers, and every text in a column that is not known (see `redaction`).
    A row that is not an object is kept whole in `additional_columns` under `row`.
    """
    if not isinstance(row, dict):
        row = {"row": row}
    try:
        identity = row_id(bot_id, row)
    except (TypeError, RecursionError):  # orjson.JSONEncodeError is a TypeError
        row = plain(row)
        identity = row_id(bot_id, row)
    record = EMPTY.copy()
    record["id"] = identity
    additional: dict[str, Any] = {}
    details: Any = None
    for key, value in row.items():
        name = fold(key)
        column = COLUMNS.get(name)
        if column is None:
            if name == "payloaddetails" and details is None and isinstance(value, dict):
                details = value
                details_key = key
            else:
                additional[key] = value
            continue
        converted = column[1](value)
        if converted is MISFIT or record[column[0]] is not None:
            if value is not None:
                additional[key] = value
        else:
            record[column[0]] = converted
    if details is not None:
        left = details_of(details, record)
        if left:
            additional[details_key] = left
        request, response = (payload(record, column, redact) for column in ("request_payload", "response_payload"))
        describe(record, request, response)
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
