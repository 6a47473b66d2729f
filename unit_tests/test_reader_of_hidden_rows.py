"""Rows that a server hides in ways which look like the end of a log, and how the reader sees through them."""

from contextlib import suppress
from dataclasses import replace
from itertools import count as counted

import pytest

from source_kore_llm_logs.reading.bot import Bot
from source_kore_llm_logs.reading.fetch import Answer, Body, CannotRead, Page
from source_kore_llm_logs.reading.part import Part
from source_kore_llm_logs.reading.planner import Planner
from source_kore_llm_logs.reading.reader import PartReader
from unit_tests.reading_driver import identified
from unit_tests.simulated_behaviour import DATES, DAY, HOUR, MILLISECONDS, MINUTE, SECOND, SECONDS
from unit_tests.simulated_promise import assert_emitted
from unit_tests.small_scenario import NOON, NOW, assert_complete, reading_of, row, rows, scenario


@pytest.mark.parametrize("cut", [HOUR, DAY])
@pytest.mark.parametrize("zone", [0, 330, -420])
@pytest.mark.parametrize("to_inclusive", [True, False])
def test_a_future_date_to_that_is_taken_for_now_and_then_cut_hides_no_row(
    cut: int, zone: int, to_inclusive: bool
) -> None:
    """What is shown is emitted; the cursor waits before what may be hidden still."""
    after = NOON + 5 * HOUR + 30 * MINUTE
    told = scenario(
        rows(30, HOUR, NOON - DAY + 13 * SECOND), start=NOON - 2 * DAY, after=after, now=after + 5 * MINUTE,
        future_to="now", cut=cut, cut_zone=zone, to_inclusive=to_inclusive,
    )  # fmt: skip
    reading, server = reading_of(told)
    assert reading.error is None
    assert_emitted(server, "st", reading.emitted, told.start, after, reached=reading.planner.reached)
    assert max(int(name.removeprefix("st/")) for name in reading.emitted) * HOUR > after - (NOON - DAY) - cut - 2 * HOUR
    assert reading.planner.reached < after


@pytest.mark.parametrize(
    ("second", "behind"), [(30, 0), (0, 20 * MINUTE), (None, 75 * MINUTE), (3600, 4 * HOUR + 15 * MINUTE + SECOND)]
)
def test_the_cursor_waits_no_longer_than_a_call_shows(second: int | None, behind: int) -> None:
    """A call within a minute verifies bounds; one that crosses a minute, five minutes or an hour shows less."""
    whole = NOON if second == 3600 else NOON + 20 * MINUTE if second is None else NOON + 21 * MINUTE + second * SECOND
    log = [row(number, whole + number * HOUR, delay=0) for number in range(5)]
    log = [replace(raw, start=(raw.end or 0) - SECOND, end=(raw.end or 0) + SECOND // 2) for raw in log]
    now = NOON + 8 * HOUR + 7 * SECOND
    told = scenario(log, start=NOON - 2 * DAY, after=now - MINUTE, now=now)
    reading, server = reading_of(told)
    assert len(reading.emitted) == 5
    waits = told.after if not behind else server.requests[0].at - behind
    assert abs(reading.planner.reached - waits) < 40 * SECOND


def test_an_idle_window_asks_for_no_proof_and_leaves_the_cursor() -> None:
    """All rows lie before the window; so the next sync begins where this one did."""
    told = scenario(rows(5, MINUTE, NOON - 10 * HOUR), after=NOON + 10 * MINUTE, now=NOON + 15 * MINUTE)
    reading, server = reading_of(told)
    assert (reading.emitted, reading.planner.reached) == ([], told.start)
    assert len(server.requests) <= 5


@pytest.mark.parametrize("order", ["filed", "end", "start", "arbitrary", "time taken"])
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize(
    ("most", "count"), [(1000, 1300), (600, 2000), (777, 1200), (1000, 1001), (1000, 1011), (50, 60), (250, 700)]
)
def test_a_server_that_finds_no_more_than_so_many_rows_is_asked_for_less(
    order: str, descending: bool, most: int, count: int
) -> None:
    apart = 7 * MINUTE + 13 * SECOND
    log = [
        replace(raw, start=(raw.start or 0) - number * 7919 % 3000)
        for number, raw in enumerate(rows(count, apart, NOON + 20 * SECOND))
    ]
    told = scenario(
        log, start=NOON - DAY, after=NOON + count * apart, now=NOW + 20 * DAY, depth_ceiling=most, above_ceiling="cut",
        order=order, descending=descending,
    )  # fmt: skip
    reading, _ = reading_of(told)
    assert reading.error is None
    assert len(reading.emitted) == count


@pytest.mark.parametrize("count", [1000, 1037])
def test_a_whole_log_is_not_asked_for_in_halves(count: int) -> None:
    for order in ("filed", "arbitrary"):
        told = scenario(rows(count, MINUTE), start=NOON - HOUR, after=NOON + count * MINUTE, order=order, now=NOW + DAY)
        reading, server = reading_of(told)
        assert len(reading.emitted) == count
        assert len(server.requests) <= (12 if order == "filed" else 32)


@pytest.mark.parametrize("order", ["filed", "time taken"])
@pytest.mark.parametrize("page_size", [50, 10, 7])
def test_an_order_that_depends_on_skip_and_limit_is_seen_through_by_other_pages(order: str, page_size: int) -> None:
    """As a database may do it that sorts by a column of few values, and asks no second one."""
    log = [row(number, NOON + number % 3 * HOUR + 20 * SECOND) for number in range(120)]
    told = scenario(log, ties="paged", order=order)
    reading, _ = reading_of(told, page_size=page_size)
    assert reading.error is None
    assert len(set(reading.emitted)) == 120


@pytest.mark.parametrize(("first", "last"), [(1, 8), (2, 11), (3, 12), (2, 200)])
@pytest.mark.parametrize("page_size", [None, 50])
def test_no_row_where_there_were_rows_is_no_end(first: int, last: int, page_size: int | None) -> None:
    """For a while the server answers with no row."""
    told = scenario(rows(120, HOUR), start=NOON - HOUR, after=NOON + 120 * HOUR)
    server = told.server()
    requests = counted()

    def fetch(body: Body) -> Answer:
        answer = server.fetch("st")(body)
        return Page([], 2) if first <= next(requests) <= last else answer

    bot = Bot("st", identified(fetch, {}), server.clock, page_size=page_size)
    planner = Planner(Part(told.start, told.after))
    emitted = []
    with suppress(CannotRead):
        while (planned := planner.take()) is not None:
            emitted += [raw for raw in PartReader(bot, planner, planned).rows() if raw]
    assert len(emitted) == 120 or planner.reached < told.after


@pytest.mark.parametrize("refused", [(MILLISECONDS,), (MILLISECONDS, SECONDS), (SECONDS,)])
@pytest.mark.parametrize("numbers", ["text", "int"])
@pytest.mark.parametrize("future_to", ["refused", "empty", "served"])
@pytest.mark.parametrize("invalid", [(), (DATES,)])
def test_of_all_ways_to_ask_the_one_that_gives_rows_is_found(
    refused: tuple[str, ...], numbers: str, future_to: str, invalid: tuple[str, ...]
) -> None:
    if {*refused, *invalid} >= {MILLISECONDS, SECONDS, DATES}:
        return
    told = scenario(
        rows(20, HOUR, NOON - 5 * DAY), start=NOON - 6 * DAY, after=NOON, now=NOON + MINUTE, numbers=numbers,
        future_to=future_to, refused_forms=frozenset(refused), invalid_forms=frozenset(invalid),
    )  # fmt: skip
    reading, _ = reading_of(told)
    assert reading.error is None
    assert len(reading.emitted) == 20


@pytest.mark.parametrize("order", ["filed", "end"])
def test_a_busy_log_whose_newest_rows_come_first_is_settled(order: str) -> None:
    """A row at every other request, and pages of few rows."""
    told = scenario(
        rows(200, 20 * SECOND, NOON + 7 * SECOND), start=NOON, after=NOON + 66 * MINUTE, now=NOON + 68 * MINUTE,
        live_rows=1, live_total=200, order=order, descending=True,
    )  # fmt: skip
    reading, _ = reading_of(told, page_size=10)
    assert reading.error is None
    assert len([name for name in reading.emitted if "live" not in name]) >= 198


@pytest.mark.parametrize("count", [2, 5, 150])
@pytest.mark.parametrize("apart", [MINUTE, 3 * HOUR])
def test_a_skip_behind_the_last_row_that_is_refused_is_the_end(count: int, apart: int) -> None:
    told = scenario(
        rows(count, apart, NOON + 20 * SECOND), start=NOON - DAY, after=NOON + count * apart, now=NOW + 30 * DAY,
        behind="refused", largest_limit=40,
    )  # fmt: skip
    server = assert_complete(told)
    assert len(server.requests) <= 20


def test_an_order_that_is_drawn_anew_at_each_request_is_given_up_soon() -> None:
    told = scenario(rows(400, MINUTE, NOON - HOUR), start=NOON - 2 * HOUR, after=NOON + 8 * HOUR, order="random")
    reading, server = reading_of(told, page_size=50)
    assert_emitted(
        server, "st", reading.emitted, told.start, told.after, error=reading.error, reached=reading.planner.reached
    )
    assert len(server.requests) < 2_000


@pytest.mark.parametrize("future_to", ["refused", "empty"])
@pytest.mark.parametrize("zone", [0, -420, 330])
def test_where_only_times_without_a_zone_are_taken_and_none_ahead_the_last_hours_are_not_lost(
    future_to: str, zone: int
) -> None:
    told = scenario(
        rows(40, HOUR, NOON - 39 * HOUR + 20 * SECOND), start=NOON - 3 * DAY, after=NOON + HOUR,
        now=NOON + HOUR + MINUTE, future_to=future_to, invalid_forms=frozenset([MILLISECONDS]), local_zone=zone,
    )  # fmt: skip
    reading, server = reading_of(told)
    assert reading.error is None
    assert_emitted(server, "st", reading.emitted, told.start, told.after, reached=reading.planner.reached)
    assert reading.planner.reached == told.after or zone


def test_a_limit_that_gave_rows_and_then_gives_none_is_made_smaller() -> None:
    """As where rows have become larger, and a page of too many bytes is answered with no row."""
    told = scenario(rows(300, HOUR), start=NOON - HOUR, after=NOON + 300 * HOUR, now=NOW + 30 * DAY)
    server = told.server()

    def fetch(body: Body) -> Answer:
        is_new = str(body["dateTo"]) > "2024-05-20" and str(body["dateFrom"]) > "2024-05-17"
        return Page([], 2) if is_new and int(body["limit"]) > 20 else server.fetch("st")(body)

    bot = Bot("st", identified(fetch, {}), server.clock)
    planner = Planner(Part(told.start, told.after), longest=4 * DAY)
    emitted = []
    while (planned := planner.take()) is not None:
        emitted += [raw.id for raw in PartReader(bot, planner, planned).rows() if raw]
    assert len(emitted) == len(set(emitted)) == 300
