"""Small scenarios written out by hand: a few rows around one noon, one or more simulated bots, and their reading."""

from collections.abc import Iterable, Sequence
from typing import Any

from source_kore_llm_logs.reading.bot import Asking, Bot
from source_kore_llm_logs.reading.fetch import Page, Row
from source_kore_llm_logs.reading.padding import Span
from source_kore_llm_logs.reading.request_format import FIRST, RequestFormat
from source_kore_llm_logs.reading.scopes import Scope
from unit_tests.reading_driver import Reading, filters_of, identified, read_all
from unit_tests.simulated_answer import shown
from unit_tests.simulated_behaviour import DAY, EVERYTHING, HOUR, MINUTE, SECOND, Behaviour, Choice, LogRow, parse
from unit_tests.simulated_promise import assert_emitted, assert_requests
from unit_tests.simulated_server import Scenario, SimulatedBot, SimulatedServer

NOON = parse("2024-05-15T12:00:00.000Z")[0]
NOW = NOON + 10 * DAY
"""Far enough behind the rows that no request reaches the future, unless a test says otherwise."""
EVERYBODY = Scope(True, None)
WHOLE_DAY = Span(NOON - 12 * HOUR, NOON + 12 * HOUR)


def row(number: object, end: int | None = None, **columns: Any) -> LogRow:
    """A call of one second. Unless told, row n ends n minutes after noon; rows 20 seconds into a minute are fit to be
    asked around."""
    end = NOON + int(str(number)) * MINUTE if end is None else end
    return LogRow(**{"number": f"{number}", "start": end - SECOND, "end": end, **columns})


def rows(count: int, apart: int = MINUTE, start: int = NOON, **columns: Any) -> list[LogRow]:
    return [row(number, start + number * apart, **columns) for number in range(count)]


def scenario(
    log: Iterable[LogRow],
    start: int = NOON - HOUR,
    after: int = NOON + 12 * HOUR,
    now: int = NOW,
    choice: Choice = EVERYTHING,
    **behaviour: Any,
) -> Scenario:
    """One bot, `st`, with this log, on a server that differs from the plainest by these fields."""
    return Scenario((SimulatedBot("st", Behaviour(**behaviour), tuple(log)),), now, start, after, choice)


def reading_of(told: Scenario, **options: Any) -> tuple[Reading, SimulatedServer]:
    """The only bot, read whole; and the server, which has kept the requests."""
    server = told.server()
    return read_all(told, server, **options)["st"], server


def assert_complete(told: Scenario, **options: Any) -> SimulatedServer:
    """Each row once, nothing raised, the whole window reached, no request above 90 days."""
    reading, server = reading_of(told, **options)
    assert reading.error is None, repr(reading.error)
    assert reading.planner.reached == told.after
    assert_emitted(server, "st", reading.emitted, told.start, told.after, told.choice)
    assert_requests(server)
    return server


def bot_of(told: Scenario, page_size: int | None = None) -> tuple[Bot, SimulatedServer]:
    """The only bot, of which nothing is known yet. Ids are hexadecimal: `plain` leads back."""
    server = told.server()
    fetch = identified(server.fetch("st"), NAMES)
    choice = told.choice
    return Bot("st", fetch, server.clock, filters_of(choice), choice.include_developer_usage, page_size), server


NAMES: dict[str, str] = {}


def plain(page: Iterable[Row]) -> str:
    """The numbers of rows that `bot_of`'s server gave, in their order."""
    return " ".join(NAMES[found.id].removeprefix("st/") for found in page)


def asking(span: Span = WHOLE_DAY, form: RequestFormat = FIRST, scope: Scope = EVERYBODY) -> Asking:
    return Asking(form, scope, span)


def bodies(server: SimulatedServer, *keys: str) -> list[tuple[Any, ...]]:
    """These keys of each request's body, in the order of the requests."""
    return [tuple(request.body.get(key) for key in keys) for request in server.requests]


def page_of(log: Sequence[LogRow]) -> Page:
    return Page([shown("st", entry) for entry in log], sum(entry.size for entry in log))


def seen(number: object, start: int | None, end: int | None, **columns: Any) -> Row:
    """A row as the reader sees it."""
    return Row(f"{number:>032}", start, end, columns)
