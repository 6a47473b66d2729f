"""One API row becomes one flat record, and its id.

The vendor's keys are spelled unevenly (`start Date`, `Feature Name ` with a trailing space) [D], so a column is
known by its key without case, spaces or underscores. Nothing is dropped: a column that is not known, or a value
that does not fit its column, is kept in `additional_columns` under its own key.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from source_kore_llm_logs.records.decoding import fits_64_bits, plain
from source_kore_llm_logs.records.identity import (
    DETAILS,
    DOCUMENTED,
    OTHER_NAMES,
    Columns,
    Known,
    columns_of,
    fold,
    folded,
    row_id,
)
from source_kore_llm_logs.records.payloads import Json, opened
from source_kore_llm_logs.records.providers import (
    added,
    answer_of,
    failure,
    number,
    parameters,
    provider,
    usage_of,
)
from source_kore_llm_logs.records.redaction import ERRORS, REMOVED, harmless, harmless_columns, is_name
from source_kore_llm_logs.records.timestamps import MISFIT, instant, is_sentinel

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
    if isinstance(value, str) and (found := re.fullmatch(r"(-?[0-9]{1,18})(\.0+)?", value.strip())):
        return int(found[1])
    return MISFIT


def rounded(value: Any) -> Any:
    """A whole number, also of one with a fraction, which `to_record` keeps besides."""
    whole = whole_number(value)
    exact = number(value) if whole is MISFIT else None
    return whole if exact is None or abs(exact) >= 2**53 else round(exact)


def unchanged(value: Any) -> Any:
    return value


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
    "timetaken": ("time_taken_ms", rounded),
}
DETAIL_COLUMNS: Mapping[str, tuple[str, Converter]] = {
    "promptname": ("prompt_name", text),
    "requestpayload": ("request_payload", unchanged),
    "responsepayload": ("response_payload", unchanged),
    "requesttokens": ("request_tokens", whole_number),
    "responsetokens": ("response_tokens", whole_number),
}
ONLY_IN_DETAILS = DETAIL_COLUMNS.keys() - COLUMNS.keys()
"""Older versions had them at the top of a row [C, weak]."""
SCHEMA = Path(__file__).parents[1] / "schemas" / "llm_usage_logs.json"
EMPTY: Record = dict.fromkeys(orjson.loads(SCHEMA.read_bytes())["properties"])
NAMES = tuple(column for column, converter in COLUMNS.values() if converter is text)
SPELLINGS = {fold(key): key for key in (*DOCUMENTED, "Session ID", *DETAILS)}
DETAIL_SPELLINGS = {fold(key): key for key in DETAILS}
UNDOCUMENTED = frozenset(
    ["language", "ttft", "conversationid", "channeluserid", "channeluserids", "guardrailoutcome", "riskscore",
     "integrationtype"]
)  # fmt: skip
"""Columns of the product's screen and of older versions; whether the API gives them is not known [U]."""
SENTINELS = (
    "dates were of year 1 or 9999, which stands for none: each was left null and kept in `additional_columns` "
    "(a date counts each time it is read)"
)
"""What `to_record` counts in `repairs`, beside what `plain` does."""

NOTHING = ("", None)
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
    fill(record, columns.known, COLUMNS, additional)
    leave_out_sentinels(record, columns, additional, repairs)
    details = fill_from_details(record, columns, additional)
    request, response = opened(record["request_payload"]), opened(record["response_payload"])
    top = folded(response or {})
    fill_tokens(record, usage_of(top))
    answer = answer_of(top)
    record["id"] = row_id(bot_id, row, columns, details, record, answer["response_id"])
    record["provider"] = provider(record["integration"], response, answer["response_id"])
    describe_call(record, request, response, answer, redact)
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
        # A record, and the message that carries it, are a few levels deeper than the row.
        if b"\\u0000" not in orjson.dumps([[[[[[[[row]]]]]]]]):
            return row
    except (TypeError, RecursionError):  # orjson.JSONEncodeError is a TypeError.
        pass
    plain_row: dict[str, Any] = plain(row, repairs)
    return plain_row


def fill(record: Record, known: Known, columns: Mapping[str, tuple[str, Converter]], left: dict[str, Any]) -> None:
    """Fills columns that are still null. A value that does not fit its column, or another than it has, goes to `left`
    under its own key; so does one that had to be rounded."""
    for name, (column, convert) in columns.items():
        key, value = known.get(name, NOTHING)
        if type(value) is str and convert is text and record[column] is None:
            record[column] = value
        elif value is not None:
            converted = convert(value)
            if converted is MISFIT:
                left[key] = plain(value)
            elif record[column] is None:
                record[column] = converted
                if convert is rounded and converted != value and whole_number(value) is MISFIT:
                    left[key] = value
            elif record[column] != converted:
                left[key] = value


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


def fill_from_details(record: Record, columns: Columns, additional: dict[str, Any]) -> Columns:
    """Fills the columns that `Payload Details` has, or the top of an older row. What is left over is added to
    `additional`. Returns the details."""
    key, value = columns.known.get("payloaddetails", NOTHING)
    details = NO_COLUMNS
    if isinstance(value, dict):
        details = columns_of(value, DETAIL_SPELLINGS)
        left = {**details.others, **details.twins}
        fill(record, details.known, DETAIL_COLUMNS, left)
        if left:
            additional[key] = left
    elif value is not None:
        additional[key] = value
    if not ONLY_IN_DETAILS.isdisjoint(columns.known):
        fill(record, columns.known, DETAIL_COLUMNS, additional)
    return details


def fill_tokens(record: Record, usage: Mapping[str, int | None]) -> None:
    """Fills the token columns; counts that the log has itself stay, and the total is theirs."""
    for column, counted in usage.items():
        if record[column] is None:
            record[column] = counted
    if record["request_tokens"] is not None and record["response_tokens"] is not None:
        record["total_tokens"] = added(record["request_tokens"], record["response_tokens"])


def describe_call(
    record: Record, request: Json | None, response: Json | None, answer: Mapping[str, Any], redact: bool
) -> None:
    """Fills the other columns of a call from its payloads, and makes the payloads objects: what is none stands in
    `value`.

    With `redact`, nothing is left of a payload but what is harmless, and columns are read from that.
    """
    failed = (record["status"] or "").casefold() == "failure" or (record["status_code"] or 0) >= 400
    record["error_type"], record["error_message"] = failure(record["response_payload"], response, failed)
    if redact:
        record["error_message"] = None
        if record["error_type"] not in ERRORS:
            record["error_type"] = None
        request, response = (None if opened is None else harmless(opened) for opened in (request, response))
        answer = answer_of(folded(response or {}))
    record.update(answer)
    if request is not None:
        record.update(parameters(request))
    for column, content in (("request_payload", request), ("response_payload", response)):
        payload = record[column]
        if redact and payload is not None:
            payload = REMOVED if content is None else content
        record[column] = payload if payload is None or isinstance(payload, dict) else {"value": payload}


def is_known(key: str) -> bool:
    name = fold(key)
    return name in SPELLINGS or name in OTHER_NAMES or name in UNDOCUMENTED or name == "row"
