"""One API row becomes one flat record, and its id. Nothing is dropped: a column that is not known, or a value that does
not fit its column, is kept in `additional_columns` under its own key."""

from collections import Counter
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Any

import orjson

from source_kore_llm_logs.records import identity, providers, redaction
from source_kore_llm_logs.records.decoding import Json, plain
from source_kore_llm_logs.records.identity import NOTHING, Columns, columns_of, folded
from source_kore_llm_logs.records.payloads import opened
from source_kore_llm_logs.records.timestamps import instant

Record = dict[str, Any]
SCHEMA = Path(__file__).parents[1] / "schemas" / "llm_usage_logs.json"
EMPTY: Record = dict.fromkeys(orjson.loads(SCHEMA.read_bytes())["properties"])
SENTINELS = "a date of year 1 or 9999, which stands for none, was left null and kept in `additional_columns`"
"""What `to_record` counts in `repairs`, beside what `plain` does."""


def text(value: Any) -> str | None:
    if isinstance(value, bool | int | float):
        return orjson.dumps(value).decode()
    return value if isinstance(value, str) else None


TOP = frozenset(identity.COLUMNS.values()) - {"payload_details"}
DETAILS = frozenset(identity.DETAILS.values())
CONVERTERS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(TOP, text),
    **dict.fromkeys(("start_date", "end_date"), instant),
    **dict.fromkeys(("status_code", "time_taken_ms", "request_tokens", "response_tokens"), providers.whole_number),
    **dict.fromkeys(("request_payload", "response_payload"), lambda payload: payload),
}
"""Column -> its value, of the row's that is not null; None for one that does not fit."""
TEXTS = frozenset(column for column, convert in CONVERTERS.items() if convert is text)


def to_record(bot_id: str, row: Any, redact: bool = False, repairs: Counter[str] | None = None) -> Record:
    """One row, as `rows_in` gives it -> one record of the stream's schema. Raises nothing.

    `redact` removes the text of prompts and answers, and every text in a column that is not known (see `redaction`).
    A row that is not an object is kept whole in `additional_columns` under `row`.
    `repairs` is told how often something was mended, under the words of a log line; threads may share it.
    """
    row = mended(row if isinstance(row, dict) else {"row": row}, repairs)
    columns = columns_of(row, identity.NAMES)
    key, sent = columns.known.get("payload_details", NOTHING)
    details = columns_of(sent if isinstance(sent, dict) else {}, identity.DETAIL_NAMES)
    additional, inside = columns.others | columns.twins, details.others | details.twins
    record = EMPTY.copy()
    fill(record, columns, TOP, additional)
    leave_out_sentinels(record, columns, additional, repairs)
    fill(record, details, DETAILS, inside)
    if inside or not (sent is None or isinstance(sent, dict)):
        additional[key] = inside or sent
    fill(record, columns, DETAILS - TOP, additional)

    payloads = {column: opened(record[column]) for column in ("request_payload", "response_payload")}
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
        payloads = leave_harmless(record, payloads)
        additional = redaction.harmless_columns(additional)
    record.update(providers.parameters(payloads["request_payload"] or {}), additional_columns=additional or None)
    for column in payloads:
        if record[column] is not None and not isinstance(record[column], dict):
            record[column] = {"value": record[column]}
    return record


def mended(row: dict[str, Any], repairs: Counter[str] | None) -> dict[str, Any]:
    """The row itself where it is plain JSON, as nearly every row is; else what `plain` makes of it."""
    try:
        # A record, and the message that carries it, are a few levels deeper than the row.
        is_plain = b"\\u0000" not in orjson.dumps([[[[[[[[row]]]]]]]])
    except TypeError:
        is_plain = False
    return row if is_plain else plain(row, repairs)


def fill(record: Record, columns: Columns, wanted: Container[str], left: dict[str, Any]) -> None:
    """Fills columns that are still null. A value that does not fit its column, or another than it has, goes to `left`
    under its own key; so does a duration that had to be rounded."""
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


def leave_out_sentinels(record: Record, columns: Columns, left: dict[str, Any], repairs: Counter[str] | None) -> None:
    """A row is filed under its end, or its start where it has no end: neither may be a date that stands for none, as
    programs write the first or the last year that they know."""
    for column in ("end_date", "start_date"):
        if (record[column] or "").startswith(("0001", "9999")):
            key, value = columns.known[column]
            left[key], record[column] = value, None
            if repairs is not None:
                repairs[SENTINELS] += 1
        elif record[column] is not None:
            return


def fill_tokens(record: Record, usage: Mapping[str, int | None]) -> None:
    """Fills the token columns; counts that the log has itself stay, and the total is theirs."""
    record.update({column: count for column, count in usage.items() if record[column] is None})
    if record["request_tokens"] is not None and record["response_tokens"] is not None:
        record["total_tokens"] = providers.whole_number(record["request_tokens"] + record["response_tokens"])


def leave_harmless(record: Record, payloads: Mapping[str, Json | None]) -> dict[str, Json | None]:
    """Removes text from the columns that are filled, and reads those of the answer anew from what is left of it.
    Returns what is left of the payloads."""
    left = {column: payload and redaction.harmless(payload) for column, payload in payloads.items()}
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
