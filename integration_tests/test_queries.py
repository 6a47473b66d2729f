"""The queries in docs/queries answer what they say, in every dialect.

Rows of the emulator go through the connector's own command line into DuckDB tables. Each query's answer is compared
with one worked out here in plain Python from the rows as the API sends them. The queries for Snowflake and BigQuery
are parsed strictly in their dialect, translated to DuckDB by sqlglot, and must give the same answers.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import ErrorLevel, exp

from integration_tests.command import catalog_of, read
from integration_tests.kore_emulator import Emulator, generate_rows
from source_kore_llm_logs.records.record import to_record

QUERIES = Path(__file__).resolve().parent.parent / "docs/queries"
DIALECTS = ("duckdb", "snowflake", "bigquery")
PREPARATION = ("model_prices", "call_costs")
QUESTIONS = sorted(file.stem for file in (QUERIES / "duckdb").glob("*.sql") if file.stem not in PREPARATION)
TABLE = "llm_usage_logs"
BOTS = ("st-alpha", "st-beta")
FIRST_DAY = datetime(2025, 1, 8, tzinfo=timezone.utc)
PRICE_CHANGE = date(2025, 1, 25)


# --- The queries -----------------------------------------------------------------------------------------------------


def statements(dialect: str, name: str) -> list[exp.Expression]:
    """The file's statements; an error of syntax raises."""
    text = (QUERIES / dialect / f"{name}.sql").read_text(encoding="utf-8")
    parsed = sqlglot.parse(text, read=dialect, error_level=ErrorLevel.RAISE)
    return [statement for statement in parsed if statement is not None]


def in_duckdb(dialect: str, name: str) -> list[str]:
    """The file's statements as DuckDB takes them: its own as they stand, the others' translated."""
    if dialect == "duckdb":
        return [(QUERIES / dialect / f"{name}.sql").read_text(encoding="utf-8")]
    return [
        statement.transform(_meant).sql("duckdb", unsupported_level=ErrorLevel.RAISE)
        for statement in statements(dialect, name)
    ]


def _meant(node: exp.Expression) -> exp.Expression:
    """What sqlglot's translation to DuckDB gets wrong, put right; every query is translated with no more than this.

    Snowflake's `payload:key::string` is the text itself: DuckDB's cast of JSON to text would keep the quotes.
    BigQuery's `countif` of nothing but NULLs is 0, its week of a date is a date: DuckDB's are NULL and a timestamp.
    """
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.JSONExtract) and node.is_type("text"):
        return exp.JSONExtractScalar(this=node.this.this, expression=node.this.expression)
    if isinstance(node, exp.CountIf):
        return exp.CountIf(this=exp.Is(this=exp.Paren(this=node.this), expression=exp.true()))
    if isinstance(node, exp.DateTrunc):
        return exp.cast(node, "date")
    return node


def answer(database: duckdb.DuckDBPyConnection, dialect: str, question: str) -> list[tuple[Any, ...]]:
    """The rows that a question gives."""
    (query,) = in_duckdb(dialect, question)
    return rows_of(database, query)


def rows_of(database: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query; moments as milliseconds since 1970."""
    query = query.rstrip().rstrip(";")
    columns = [
        f"epoch_ms({name})" if kind.startswith("TIMESTAMP") else name
        for name, kind, *_ in database.execute(f"DESCRIBE {query}").fetchall()
    ]
    return database.execute(f"SELECT {', '.join(columns)} FROM ({query}\n)").fetchall()


# --- The table -------------------------------------------------------------------------------------------------------


def column_types(schema: Mapping[str, Any], payload: str | None = None, moment: str = "TIMESTAMP") -> dict[str, str]:
    """Column -> DuckDB type, as PyAirbyte makes them of the stream's schema; `payload` sets the payloads' type."""
    kinds = {}
    for name, column in schema["properties"].items():
        options = {column["type"]} if isinstance(column["type"], str) else set(column["type"])
        if payload and name in ("request_payload", "response_payload"):
            kinds[name] = payload
        elif column.get("format") == "date-time":
            kinds[name] = moment
        else:
            kind = (options - {"null"}).pop()
            kinds[name] = {"integer": "BIGINT", "number": "DECIMAL(38, 9)", "object": "JSON"}.get(kind, "VARCHAR")
    return kinds


def loaded(
    kinds: Mapping[str, str], records: Iterable[Mapping[str, Any]], dialect: str, more_prices: str = ""
) -> duckdb.DuckDBPyConnection:
    """A database as a destination leaves it, with the price table and the view of costs."""
    database = duckdb.connect()
    # sqlglot keeps the dataset's name that a person is to replace in the queries for BigQuery.
    database.execute("CREATE SCHEMA your_dataset")
    if dialect == "bigquery":
        database.execute("USE your_dataset")
    database.execute(f"CREATE TABLE {TABLE} ({', '.join(f'{name} {kind}' for name, kind in kinds.items())})")
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
        file.flush()
        database.execute(
            f"INSERT INTO {TABLE} FROM read_json(?, format='newline_delimited', columns=?)", [file.name, kinds]
        )
    for statement in in_duckdb(dialect, "model_prices"):
        database.execute(statement)
    if more_prices:
        database.execute(f"INSERT INTO model_prices VALUES {more_prices}")
    for statement in in_duckdb(dialect, "call_costs"):
        database.execute(statement)
    return database


MORE_PRICES = f"""
    ('GPT-4o', DATE '{PRICE_CHANGE}', 5, NULL, 20),
    ('amazon.nova-pro', DATE '{PRICE_CHANGE}', 0.8, 0.2, 3.2)
"""


# --- What the rows say, worked out in Python -------------------------------------------------------------------------


def first(*values: Any) -> Any:
    """The first that is not None."""
    return next((value for value in values if value is not None), None)


@dataclass(frozen=True)
class Call:
    """One row of the API, with what the questions are about. Tokens are None where nobody counted them."""

    bot: str
    row: Mapping[str, Any]
    has_cached_column: bool

    @classmethod
    def of(cls, bot: str, row: Mapping[str, Any], has_cached_column: bool) -> "Call":
        return cls(bot, {key.strip(): value for key, value in row.items()}, has_cached_column)

    @property
    def id(self) -> str:
        """The API gives none: the connector's own."""
        return str(to_record(self.bot, dict(self.row))["id"])

    def named(self, key: str) -> str:
        return self.row.get(key) or "(none)"

    @property
    def payloads(self) -> Mapping[str, Any]:
        return self.row.get("Payload Details") or {}

    @property
    def usage(self) -> Mapping[str, Any]:
        response = self.payloads.get("Response Payload")
        if isinstance(response, str) and response.startswith("data: "):
            # The text of a stream: the last chunk before `[DONE]` has the usage.
            response = json.loads(response.split("\n\n")[-2].removeprefix("data: "))
        return (response.get("usage") or response.get("usageMetadata") or {}) if isinstance(response, dict) else {}

    def _used(self, *keys: str) -> int | None:
        """The sum of what the response's usage says under the keys, if it has the first one."""
        return sum(self.usage.get(key) or 0 for key in keys) if self.usage.get(keys[0]) is not None else None

    @property
    def request_tokens(self) -> int | None:
        return first(
            self.payloads.get("Request Tokens"),
            self._used("prompt_tokens"),
            self._used("promptTokenCount"),
            self._used("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"),
        )

    @property
    def response_tokens(self) -> int | None:
        return first(
            self.payloads.get("Response Tokens"),
            self._used("completion_tokens"),
            self._used("candidatesTokenCount", "thoughtsTokenCount"),
            self._used("outputTokens"),
        )

    @property
    def cached_tokens(self) -> int | None:
        if not self.has_cached_column:
            return None
        return first(
            (self.usage.get("prompt_tokens_details") or {}).get("cached_tokens"),
            self._used("cache_read_input_tokens"),
            self._used("cachedContentTokenCount"),
            self._used("cacheReadInputTokens"),
        )

    @property
    def total_tokens(self) -> int | None:
        told = first(*map(self._used, ("total_tokens", "totalTokenCount", "totalTokens")))
        if told is None and self.request_tokens is not None and self.response_tokens is not None:
            return self.request_tokens + self.response_tokens
        return told

    @property
    def ended(self) -> datetime | None:
        text = self.row.get("End Date") or self.row.get("start Date")
        return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None

    @property
    def ended_ms(self) -> int | None:
        return None if self.ended is None else (self.ended - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(
            milliseconds=1
        )  # fmt: skip

    @property
    def day(self) -> date | None:
        return self.ended.date() if self.ended else None

    @property
    def failed(self) -> bool:
        return self.row.get("Status") == "Failure"


@dataclass(frozen=True)
class Price:
    """One line of the price table, in dollars for a million tokens."""

    model: str
    valid_from: date
    input_usd: Decimal
    cached_input_usd: Decimal | None
    output_usd: Decimal


@dataclass(frozen=True)
class Near:
    """Equal to a number that is this one rounded to so many digits, whichever way a tie went."""

    exact: Fraction
    digits: int = 1

    def __eq__(self, found: object) -> bool:
        if not isinstance(found, int | float | Decimal):
            return NotImplemented
        half, step = Fraction(1, 2) / 10**self.digits, Fraction(1, 10**9)
        is_rounded = abs(Fraction(round(found, self.digits)) - Fraction(found)) < step
        return is_rounded and abs(Fraction(found) - self.exact) <= half + step

    @property
    def rounded(self) -> Decimal:
        unit = Decimal(1).scaleb(-self.digits)
        return (Decimal(self.exact.numerator) / Decimal(self.exact.denominator)).quantize(unit, ROUND_HALF_UP)


Row = tuple[Any, ...]
Group = list[Call]


def total(counts: Iterable[int | None]) -> int | None:
    """None if nobody counted anything."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def average(counts: Iterable[Any], digits: int) -> Near | None:
    known = [Fraction(count) for count in counts if count is not None]
    return Near(sum(known, Fraction()) / len(known), digits) if known else None


def percent(part: int | None, whole: int | None) -> Near | None:
    return Near(Fraction(100 * part, whole)) if whole and part is not None else None


def grouped(calls: Iterable[Call], key: Callable[[Call], Any]) -> dict[Any, Group]:
    groups: dict[Any, Group] = defaultdict(list)
    for call in calls:
        groups[key(call)].append(call)
    return groups


def falling(number: Any) -> tuple[bool, Any]:
    """Sorts the largest first, and what is not known last."""
    number = number.rounded if isinstance(number, Near) else number
    return (number is None, 0 if number is None else -number)


def usage_of(group: Group) -> Row:
    failures = sum(call.failed for call in group)
    return (
        len(group),
        sum(call.total_tokens is not None for call in group),
        total(call.request_tokens for call in group),
        total(call.response_tokens for call in group),
        total(call.total_tokens for call in group),
        failures,
        percent(failures, len(group)),
    )


def usage(key: str) -> Callable[["Log"], list[Row]]:
    def rows(log: "Log") -> list[Row]:
        found = [(name, *usage_of(group)) for name, group in grouped(log.calls, lambda c: c.named(key)).items()]
        return sorted(found, key=lambda row: (-row[1], row[0]))

    return rows


def usage_by_day(log: "Log") -> list[Row]:
    found = [(day, *usage_of(group)) for day, group in grouped(log.calls, lambda c: c.day).items()]
    return sorted(found, key=lambda row: (row[0] is None, row[0] or date.min))


def rows_by_bot(log: "Log") -> list[Row]:
    found = []
    for bot, group in sorted(grouped(log.calls, lambda c: c.bot).items()):
        moments = [call.ended_ms for call in group if call.ended_ms is not None]
        found.append((bot, len(group), min(moments, default=None), max(moments, default=None)))
    return found


def percentile(numbers: Sequence[int], part: Fraction) -> Near | None:
    """Between the two nearest ranks, in proportion."""
    if not numbers:
        return None
    place = (len(numbers) - 1) * part
    below = numbers[int(place)]
    above = numbers[min(int(place) + 1, len(numbers) - 1)]
    return Near(below + (above - below) * (place - int(place)), 0)


def latency(key: str) -> Callable[["Log"], list[Row]]:
    def rows(log: "Log") -> list[Row]:
        found = []
        for name, group in grouped(log.calls, lambda c: c.named(key)).items():
            times = sorted(call.row["Time Taken"] for call in group if call.row.get("Time Taken") is not None)
            parts = [percentile(times, Fraction(p, 100)) for p in (50, 95, 99)]
            found.append((name, len(times), *parts, times[-1] if times else None))
        return sorted(found, key=lambda row: (falling(row[3]), row[0]))

    return rows


def heaviest(keys: Callable[[Call], tuple[Hashable, ...]], *, with_description: bool) -> Callable[["Log"], list[Row]]:
    def rows(log: "Log") -> list[Row]:
        everything = total(call.total_tokens for call in log.calls)
        found = []
        for names, group in grouped(log.calls, keys).items():
            tokens = total(call.total_tokens for call in group)
            descriptions = [c.row["Description"] for c in group if c.row.get("Description") is not None]
            example = [min(descriptions, key=str.encode, default=None)] if with_description else []
            counted = sum(call.total_tokens is not None for call in group)
            failed = percent(sum(call.failed for call in group), len(group))
            order = (falling(tokens), -len(group), names)
            found.append((order, (*names, *example, len(group), counted, tokens, percent(tokens, everything), failed)))
        return [row for _, row in sorted(found, key=lambda pair: pair[0])][:20]

    return rows


def guardrail_outcomes(log: "Log") -> list[Row]:
    def scan(call: Call) -> tuple[str, str] | None:
        request = call.payloads.get("Request Payload")
        if not isinstance(request, dict) or request.get("scanner") is None:
            return None
        return request["scanner"], request.get("req_type") or "(none)"

    found = []
    for names, group in grouped(log.calls, scan).items():
        if names is None:
            continue
        verdicts = [call.payloads["Response Payload"].get("is_valid") for call in group]
        passed, stopped = verdicts.count(True), verdicts.count(False)
        found.append((*names, len(group), passed, stopped, verdicts.count(None), percent(stopped, passed + stopped)))
    return sorted(found, key=lambda row: (-row[2], row[0], row[1]))


@dataclass(frozen=True)
class Log:
    """All calls, and the price table."""

    calls: list[Call]
    prices: list[Price]

    def price(self, call: Call) -> Price | None:
        """The newest that was valid on the day of the call."""
        valid = [
            p for p in self.prices if p.model == call.row.get("Model Name") and call.day and p.valid_from <= call.day
        ]
        return max(valid, key=lambda price: price.valid_from, default=None)

    def cost(self, call: Call) -> Fraction | None:
        price = self.price(call)
        if price is None or call.request_tokens is None or call.response_tokens is None:
            return None
        cached = call.cached_tokens or 0
        if cached > call.request_tokens:
            cached = 0
        cached_usd = price.input_usd if price.cached_input_usd is None else price.cached_input_usd
        dollars = (call.request_tokens - cached) * price.input_usd + cached * cached_usd
        return Fraction(dollars + call.response_tokens * price.output_usd) / 1_000_000

    def gaps(self, group: Group) -> tuple[int, int]:
        """How many calls have no price, and how many lack tokens."""
        return (
            sum(self.price(call) is None for call in group),
            sum(call.request_tokens is None or call.response_tokens is None for call in group),
        )

    def cost_of(self, group: Group) -> tuple[int, Near | None]:
        """How many calls have a cost, and the sum."""
        costs = [cost for cost in map(self.cost, group) if cost is not None]
        return len(costs), Near(sum(costs, Fraction()), 4) if costs else None


def cost_by_day(log: Log) -> list[Row]:
    found = []
    for day, group in grouped(log.calls, lambda c: c.day).items():
        priced, cost = log.cost_of(group)
        found.append((day, len(group), priced, *log.gaps(group), cost))
    return sorted(found, key=lambda row: (row[0] is None, row[0] or date.min))


def cost_by_model(log: Log) -> list[Row]:
    found = []
    for name, group in grouped(log.calls, lambda c: c.named("Model Name")).items():
        priced, cost = log.cost_of(group)
        without_price, without_tokens = log.gaps(group)
        price = {0: "known", len(group): "no price"}.get(without_price, "partly")
        tokens = [total(getattr(c, k) for c in group) for k in ("request_tokens", "cached_tokens", "response_tokens")]
        found.append((name, price, len(group), priced, without_price, without_tokens, *tokens, cost))
    return sorted(found, key=lambda row: (falling(row[-1]), -row[2], row[0]))


def most_expensive_prompts(log: Log) -> list[Row]:
    found = []
    for names, group in grouped(log.calls, lambda c: (c.named("Prompt Name"), c.named("Feature Name"))).items():
        tokens = [call.total_tokens for call in group]
        _, cost = log.cost_of(group)
        each = average(map(log.cost, group), 6)
        found.append((*names, len(group), *log.gaps(group), total(tokens), average(tokens, 1), cost, each))
    return sorted(found, key=lambda row: (falling(row[7]), falling(row[5]), row[0], row[1]))[:20]


def most_expensive_calls(log: Log) -> list[Row]:
    found = []
    for call in log.calls:
        cost = log.cost(call)
        near = None if cost is None else Near(cost, 6)
        names = [call.named(key) for key in ("Model Name", "Feature Name", "Prompt Name")]
        tokens = (call.request_tokens, call.cached_tokens, call.response_tokens)
        order = (falling(near), falling(call.total_tokens), call.id)
        found.append((order, (call.id, call.ended_ms, call.bot, *names, *tokens, near)))
    return [row for _, row in sorted(found, key=lambda pair: pair[0])][:20]


def growth_by_week(log: Log) -> list[Row]:
    dated = [call for call in log.calls if call.day is not None]
    days = [call.day for call in dated if call.day]
    weeks = grouped(dated, lambda c: c.day - timedelta(days=c.day.weekday()))  # type: ignore[operator,union-attr]

    def whole(week: date) -> bool:
        return week in weeks and min(days) <= week and week + timedelta(days=6) <= max(days)

    found = []
    for week, group in sorted(weeks.items()):
        tokens = total(call.total_tokens for call in group)
        before, change = week - timedelta(days=7), None
        if whole(week) and whole(before):
            earlier = total(call.total_tokens for call in weeks[before])
            change = None if tokens is None or not earlier else percent(tokens - earlier, earlier)
        counted = sum(call.total_tokens is not None for call in group)
        each = average((call.total_tokens for call in group), 1)
        found.append((week, whole(week), len(group), counted, tokens, change, each))
    return found


EXPECTED: Mapping[str, Callable[[Log], list[Row]]] = {
    "rows_by_bot": rows_by_bot,
    "usage_by_day": usage_by_day,
    "usage_by_model": usage("Model Name"),
    "usage_by_feature": usage("Feature Name"),
    "usage_by_channel": usage("Channel Name"),
    "latency_by_model": latency("Model Name"),
    "latency_by_feature": latency("Feature Name"),
    "heaviest_users": heaviest(lambda c: (c.named("User ID"),), with_description=False),
    "heaviest_tasks": heaviest(lambda c: (c.named("task Id"), c.bot), with_description=True),
    "guardrail_outcomes": guardrail_outcomes,
    "cost_by_day": cost_by_day,
    "cost_by_model": cost_by_model,
    "most_expensive_prompts": most_expensive_prompts,
    "most_expensive_calls": most_expensive_calls,
    "growth_by_week": growth_by_week,
}


def assert_says(found: list[Row], question: str, log: Log) -> None:
    assert found == EXPECTED[question](log)


# --- Real rows through the connector ---------------------------------------------------------------------------------


def odd_rows() -> list[dict[str, Any]]:
    """What a generated log lacks: nulls, ties, cached tokens, weeks without calls, both sides of midnight."""

    def row(day: int, time: str = "12:00:00.000", **columns: Any) -> dict[str, Any]:
        moment = f"{(FIRST_DAY + timedelta(days=day)).date()}T{time}Z"
        return {"start Date": moment, "End Date": moment, "Time Taken": 1, "Bot ID": BOTS[0], **columns}

    def gpt(request: int | None, response: int | None, cached: int | None = None, **columns: Any) -> dict[str, Any]:
        details = {"prompt_tokens_details": {"cached_tokens": cached}}
        usage = {"prompt_tokens": request, "completion_tokens": response, **details}
        names = {"Model Name": "GPT-4o", "Status": "Success", "Feature Name ": "Agent Node", "User ID": "u-1"}
        return {**names, "Payload Details": {"Response Payload": {"usage": usage}}, **columns}

    cached = gpt(9000, 500, 6000, **{"Prompt Name": "Cached"})
    pause = gpt(9000, 500, **{"Prompt Name": "After a pause"})
    more = gpt(9000, 500, **{"Prompt Name": "More in all than its parts"})
    more["Payload Details"]["Response Payload"]["usage"]["total_tokens"] = 9999
    rows = [
        row(1, **{"Time Taken": None, "Description": "nothing is known of it"}),
        row(2, "23:59:59.999", **cached),
        row(3, "00:00:00.000", **cached),
        row(30, "00:00:00.000", **cached),
        row(5, **more),
        row(5, **gpt(9000, 500, **{"Prompt Name": "As dear, with less in all"})),
        row(3, **gpt(None, None, **{"Status": "Failure", "Description": "no tokens"})),
        row(4, **gpt(77, None, Description="tokens of the request only")),
        row(4, **gpt(None, 77, Description="tokens of the response only")),
        # The first, the last and a dear call have one date only.
        row(0, "00:00:01.000", **gpt(9000, 900, **{"End Date": None, "Description": "first"})),
        row(76, **gpt(9000, 900, **{"End Date": None, "Description": "last"})),
        row(10, **gpt(9000, 900, **{"start Date": None, "Description": "only an end"})),
        # A whole week after weeks without a call, and a week that is not over.
        row(60, **pause),
        row(68, **pause),
        row(75, **pause),
    ]
    # Two users and tasks with as many tokens, one in one call and one in two; and more than 20 tasks.
    for number, tokens in enumerate([(8000, 8000), (4000, 4000), (4000, 4000)]):
        rows.append(
            row(20 + number, **gpt(*tokens, **{"User ID": f"u-{bool(number)}", "task Id": f"t-{bool(number)}"}))
        )
    rows += [row(25, **gpt(100, 100 + number, **{"task Id": f"dg-{number}"})) for number in range(9)]
    return rows


@dataclass(frozen=True)
class Synced:
    """What the API showed, what the connector made of it, and the stream's schema."""

    rows: list[tuple[str, dict[str, Any]]]
    records: list[dict[str, Any]]
    schema: dict[str, Any]


@pytest.fixture(scope="module")
def synced() -> Synced:
    rows = {
        bot: generate_rows(bot, FIRST_DAY + timedelta(hours=9), FIRST_DAY + timedelta(days=39), 500, seed)
        for seed, bot in enumerate(BOTS)
    }
    rows[BOTS[0]] += odd_rows()
    with Emulator(rows) as emulator:
        config = emulator.config(end_date="2025-04-01T00:00:00Z")
        schema = catalog_of(config)["streams"][0]["stream"]["json_schema"]
        outcome = read(config)
    assert outcome.code == 0, outcome.log
    assert len(outcome.records) == sum(map(len, rows.values()))
    return Synced([(bot, row) for bot in BOTS for row in rows[bot]], outcome.records, schema)


# JSON is how BigQuery and Snowflake hold the payloads, and their text too is JSON there.
PAYLOAD_TYPE = {"duckdb": None, "snowflake": "JSON", "bigquery": "JSON"}


@pytest.fixture(scope="module")
def databases(synced: Synced) -> Iterator[dict[str, duckdb.DuckDBPyConnection]]:
    opened = {
        dialect: loaded(column_types(synced.schema, PAYLOAD_TYPE[dialect]), synced.records, dialect, MORE_PRICES)
        for dialect in DIALECTS
    }
    yield opened
    for database in opened.values():
        database.close()


def log_of(synced: Synced, database: duckdb.DuckDBPyConnection) -> Log:
    has_cached = "cached_tokens" in synced.schema["properties"]
    prices = [Price(*line) for line in database.execute("SELECT * FROM model_prices").fetchall()]
    return Log([Call.of(bot, row, has_cached) for bot, row in synced.rows], prices)


# --- The promises ----------------------------------------------------------------------------------------------------


def test_every_dialect_has_every_query_and_the_page_names_each() -> None:
    names = {dialect: {file.stem for file in (QUERIES / dialect).iterdir()} for dialect in DIALECTS}
    assert names["duckdb"] == names["snowflake"] == names["bigquery"] == {*QUESTIONS, *PREPARATION}
    assert set(EXPECTED) == set(QUESTIONS)
    page = (QUERIES / "README.md").read_text(encoding="utf-8")
    assert {name.removesuffix(".sql") for name in re.findall(r"`(\w+\.sql)`", page)} == names["duckdb"]


@pytest.mark.parametrize("name", [*QUESTIONS, *PREPARATION])
def test_the_answer_has_the_same_columns_in_every_dialect(name: str) -> None:
    def columns(statement: exp.Expression) -> list[str]:
        if isinstance(statement, exp.Create) and isinstance(statement.this, exp.Schema):
            return [column.name for column in statement.this.expressions]
        query = statement.expression if isinstance(statement, exp.Create) else statement
        return query.named_selects if isinstance(query, exp.Query) else []

    found = [[columns(statement) for statement in statements(dialect, name)] for dialect in DIALECTS]
    assert found[0][0]
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_answer_is_what_the_rows_of_the_api_say(
    databases: dict[str, duckdb.DuckDBPyConnection], synced: Synced, dialect: str, question: str
) -> None:
    database = databases[dialect]
    assert_says(answer(database, dialect, question), question, log_of(synced, database))


@pytest.fixture(scope="module")
def database_in_new_york(synced: Synced) -> Iterator[duckdb.DuckDBPyConnection]:
    """Moments with a time zone, as some destinations make them, and a session that is not in UTC."""
    with loaded(column_types(synced.schema, moment="TIMESTAMPTZ"), synced.records, "duckdb", MORE_PRICES) as database:
        database.execute("SET TimeZone = 'America/New_York'")
        yield database


@pytest.mark.parametrize("question", QUESTIONS)
def test_days_are_utc_whatever_the_time_zone_of_the_session(
    database_in_new_york: duckdb.DuckDBPyConnection, synced: Synced, question: str
) -> None:
    found = answer(database_in_new_york, "duckdb", question)
    assert_says(found, question, log_of(synced, database_in_new_york))


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_one_bot_and_a_few_days_are_looked_at_as_the_page_says(
    databases: dict[str, duckdb.DuckDBPyConnection], synced: Synced, dialect: str, question: str
) -> None:
    page = (QUERIES / "README.md").read_text(encoding="utf-8")
    (query,), database, log = in_duckdb(dialect, question), databases[dialect], log_of(synced, databases[dialect])
    for filtered in re.findall(r"`FROM (\(SELECT .*?\))`", page):
        (table,) = re.findall(r"FROM (\w+)", filtered)
        filtered = filtered.replace("st-…", BOTS[1])
        query = re.sub(rf"FROM (your_dataset\.)?{table}\b", f"FROM {filtered}", query)
    some = [call for call in log.calls if call.bot == BOTS[1] and call.day and call.day >= date(2025, 2, 1)]
    assert 0 < len(some) < len(log.calls)
    # A filter by `end_date` leaves out what has none.
    if "llm_call_costs" not in query:
        some = [call for call in some if call.row.get("End Date")]
    assert_says(rows_of(database, query), question, Log(some, log.prices))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_empty_table_gives_empty_answers(synced: Synced, dialect: str) -> None:
    with loaded(column_types(synced.schema), [], dialect) as database:
        assert {question: answer(database, dialect, question) for question in QUESTIONS} == {
            name: [] for name in QUESTIONS
        }


NONE = "(none)"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_call_of_which_nothing_is_known_is_counted_and_nothing_of_it_is_zero(synced: Synced, dialect: str) -> None:
    with loaded(column_types(synced.schema), [{"id": "1", "bot_id": "st-1"}], dialect) as database:
        found = {question: answer(database, dialect, question) for question in QUESTIONS}
    unknown = (1, 0, None, None, None, 0, 0.0)
    assert found == {
        "rows_by_bot": [("st-1", 1, None, None)],
        "usage_by_day": [(None, *unknown)],
        "usage_by_model": [(NONE, *unknown)],
        "usage_by_feature": [(NONE, *unknown)],
        "usage_by_channel": [(NONE, *unknown)],
        "latency_by_model": [(NONE, 0, None, None, None, None)],
        "latency_by_feature": [(NONE, 0, None, None, None, None)],
        "heaviest_users": [(NONE, 1, 0, None, None, 0.0)],
        "heaviest_tasks": [(NONE, "st-1", None, 1, 0, None, None, 0.0)],
        "guardrail_outcomes": [],
        "cost_by_day": [(None, 1, 0, 1, 1, None)],
        "cost_by_model": [(NONE, "no price", 1, 0, 1, 1, None, None, None, None)],
        "most_expensive_prompts": [(NONE, NONE, 1, 1, 1, None, None, None, None)],
        "most_expensive_calls": [("1", None, "st-1", NONE, NONE, NONE, None, None, None, None)],
        "growth_by_week": [],
    }


ONE_CALL = {
    "id": "1",
    "bot_id": "st-1",
    "model_name": "GPT-4o",
    "end_date": "2025-06-02T12:00:00.000Z",
    "request_tokens": 1000,
    "cached_tokens": 600,
    "response_tokens": 500,
    "total_tokens": 1500,
}


@pytest.mark.parametrize(
    ("columns", "line", "dollars"),
    [
        ({}, "2.5, 1.25, 10", 0.00675),  # 400 at 2.50, 600 at 1.25, 500 at 10, a million each
        ({"cached_tokens": None}, "2.5, 1.25, 10", 0.0075),
        ({"cached_tokens": 1000}, "2.5, 1.25, 10", 0.00625),
        ({"cached_tokens": 1001}, "2.5, 1.25, 10", 0.0075),
        ({}, "2.5, NULL, 10", 0.0075),
        ({"request_tokens": 0, "cached_tokens": None, "response_tokens": 0}, "2.5, 1.25, 10", 0),
        ({"response_tokens": None}, "2.5, 1.25, 10", None),
        ({"request_tokens": None}, "2.5, 1.25, 10", None),
        ({"model_name": "gpt-4o"}, "2.5, 1.25, 10", None),
        ({"end_date": "2025-05-31T23:59:59.999Z"}, "2.5, 1.25, 10", None),
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_one_call_costs_what_a_person_would_work_out(
    synced: Synced, dialect: str, columns: dict[str, Any], line: str, dollars: float | None
) -> None:
    with loaded(column_types(synced.schema), [{**ONE_CALL, **columns}], dialect) as database:
        database.execute(f"DELETE FROM model_prices; INSERT INTO model_prices VALUES ('GPT-4o', '2025-06-01', {line})")
        ((*_, cost),) = answer(database, dialect, "most_expensive_calls")
        assert (cost if cost is None else float(cost)) == dollars


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_price_that_is_in_the_table_twice_is_not_charged_twice(synced: Synced, dialect: str) -> None:
    with loaded(column_types(synced.schema), [ONE_CALL], dialect) as database:
        database.execute("INSERT INTO model_prices SELECT * FROM model_prices")
        ((_, calls, *_, cost),) = answer(database, dialect, "cost_by_day")
        assert (calls, float(cost)) == (1, 0.0068)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_weeks_that_the_table_holds_from_monday_to_sunday_are_compared(synced: Synced, dialect: str) -> None:
    days = {"2025-06-02": 40, "2025-06-08": 60, "2025-06-09": 50, "2025-06-15": 100}
    calls = [{**ONE_CALL, "id": day, "end_date": f"{day}T12:00:00Z", "total_tokens": n} for day, n in days.items()]
    with loaded(column_types(synced.schema), calls, dialect) as database:
        weeks = [(str(week), *rest) for week, *rest in answer(database, dialect, "growth_by_week")]
    assert weeks == [("2025-06-02", True, 2, 2, 100, None, 50.0), ("2025-06-09", True, 2, 2, 150, 50.0, 75.0)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_example_price_is_of_a_day_of_its_own(dialect: str) -> None:
    with duckdb.connect() as database:
        database.execute("CREATE SCHEMA your_dataset")
        for statement in in_duckdb(dialect, "model_prices"):
            database.execute(statement)
        table = "your_dataset.model_prices" if dialect == "bigquery" else "model_prices"
        ((lines, days),) = database.execute(
            f"SELECT count(*), count(DISTINCT (model, valid_from)) FROM {table}"
        ).fetchall()
        assert lines == days > 0


def test_the_commands_of_the_page_run(synced: Synced, tmp_path: Path) -> None:
    file = tmp_path / "logs.duckdb"
    with duckdb.connect(str(file)) as database:
        kinds = column_types(synced.schema)
        database.execute(f"CREATE TABLE {TABLE} ({', '.join(f'{name} {kind}' for name, kind in kinds.items())})")
        database.execute(f"INSERT INTO {TABLE} (id, bot_id, model_name) VALUES ('1', 'st-1', 'GPT-4o')")
    page = (QUERIES / "README.md").read_text(encoding="utf-8")
    (commands,) = re.findall(r"```bash\n(.*?)```", page, re.S)
    commands = commands.replace("logs.duckdb", str(file)).replace("python3", sys.executable)
    done = subprocess.run(["bash", "-ec", commands], cwd=QUERIES / "duckdb", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "GPT-4o" in done.stdout
