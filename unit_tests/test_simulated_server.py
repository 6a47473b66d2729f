"""The simulated server is itself seen to do what it says, and to catch readers that believe too much."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from source_kore_llm_logs.reading.fetch import Page, Refused, TooLarge, Unavailable
from unit_tests.simulated_behaviour import (
    DATES,
    DAY,
    HOUR,
    MILLISECONDS,
    MINUTE,
    SECOND,
    SECONDS,
    Behaviour,
    Choice,
    LogRow,
    iso,
    parse,
)
from unit_tests.simulated_promise import Promise, assert_emitted, assert_requests, promise, truth
from unit_tests.simulated_scenarios import behaviours, servers
from unit_tests.simulated_server import Scenario, SimulatedBot, SimulatedServer

NOON = parse("2024-05-15T12:00:00.000Z")[0]
NOW = NOON + 12 * HOUR


def row(number: int, end: int | None = None, **columns: Any) -> LogRow:
    end = NOON + number * MINUTE if end is None else end
    return LogRow(**{"number": f"{number}", "start": end - SECOND, "end": end, **columns})


TEN = tuple(row(number) for number in range(10))


def body(low: int | str = NOON - HOUR, high: int | str = NOON + HOUR, **keys: Any) -> dict[str, Any]:
    dates = [iso(when) if isinstance(when, int) else when for when in (low, high)]
    return {"dateFrom": dates[0], "dateTo": dates[1], "limit": "50", "skip": "0", "isDeveloper": True} | keys


def served(log: Sequence[LogRow] = TEN, **behaviour: Any) -> SimulatedServer:
    return SimulatedServer([SimulatedBot("st", Behaviour(**behaviour), tuple(log))], NOW)


def asked(server: SimulatedServer, low: int | str = NOON - HOUR, high: int | str = NOON + HOUR, **keys: Any) -> str:
    """What one request is answered: the numbers of the rows, or the kind of failure."""
    answer = server.fetch("st")(body(low, high, **keys))
    return " ".join(found.id.removeprefix("st/") for found in answer.rows) if isinstance(answer, Page) else (
        type(answer).__name__
    )  # fmt: skip


ALL = "0 1 2 3 4 5 6 7 8 9"


@pytest.mark.parametrize(
    ("behaviour", "request_keys", "answer"),
    [
        ({}, {}, ALL),
        ({}, {"limit": 3, "skip": 2}, "2 3 4"),
        ({}, {"skip": "10"}, ""),
        ({"skip_ceiling": 4}, {"skip": "4", "limit": "1"}, "4"),
        ({"skip_ceiling": 4}, {"skip": "5"}, "Refused"),
        ({"skip_ceiling": 4, "above_ceiling": "empty"}, {"skip": "5"}, ""),
        ({"skip_ceiling": 4, "above_ceiling": "unavailable"}, {"skip": "5"}, "Unavailable"),
        ({"depth_ceiling": 9}, {"skip": "5", "limit": "4"}, "5 6 7 8"),
        ({"depth_ceiling": 9}, {"skip": "5", "limit": "5"}, "Refused"),
        ({"skip": "ignored"}, {"skip": "5", "limit": "2"}, "0 1"),
        ({"skip": "held", "skip_held_at": 3}, {"skip": "5", "limit": "2"}, "3 4"),
        ({"largest_limit": 2}, {}, "0 1"),
        ({"largest_limit": 2, "above_limit": "empty"}, {}, ""),
        ({"largest_limit": 2, "above_limit": "empty"}, {"limit": "2"}, "0 1"),
        ({"largest_limit": 2, "above_limit": "refused"}, {}, "Refused"),
        ({"page_rows": 1}, {"skip": "9"}, "9"),
        ({"too_large_rows": 3}, {"limit": "3"}, "0 1 2"),
        ({"too_large_rows": 3}, {"limit": "4"}, "TooLarge"),
        ({"page_bytes": 1_002}, {}, "0 1"),
        ({"page_bytes": 100}, {}, "0"),
        ({"page_bytes": 100, "above_bytes": "empty"}, {}, ""),
        ({"page_bytes": 100, "above_bytes": "too large"}, {}, "TooLarge"),
        ({"refused_forms": frozenset([MILLISECONDS])}, {}, "Refused"),
        ({"refused_forms": frozenset([SECONDS, DATES])}, {}, ALL),
        ({"invalid_forms": frozenset([MILLISECONDS])}, {}, ""),
        ({"numbers": "int"}, {"limit": 50, "skip": 0}, ALL),
        ({"numbers": "int"}, {"limit": "50", "skip": 0}, "Refused"),
        ({"numbers": "text"}, {"limit": "50", "skip": 0}, "Refused"),
        ({"refuses": True}, {}, "Refused"),
        ({"down": True}, {}, "Unavailable"),
        ({"faults": frozenset([0])}, {}, "Unavailable"),
        ({"faults": frozenset([1])}, {}, ALL),
        ({"timeouts": frozenset([0])}, {}, "TooLarge"),
        ({"unknown_keys": "refused"}, {"userIds": ["u-1"]}, ALL),
        ({"unknown_keys": "refused"}, {"userId": "u-1"}, "Refused"),
        ({"spelling": "table", "unknown_keys": "refused"}, {"userId": "u-2"}, ""),
        ({"descending": True}, {}, ALL[::-1]),
        ({"order": "written", "descending": True}, {}, ALL[::-1]),
    ],
)
def test_a_request_is_answered_as_the_behaviour_says(
    behaviour: dict[str, Any], request_keys: dict[str, Any], answer: str
) -> None:
    assert asked(served(**behaviour), **request_keys) == answer


@pytest.mark.parametrize(
    ("behaviour", "low", "high", "answer"),
    [
        ({"filed_under": "end"}, NOON, NOON + 2 * MINUTE, "0 1 2"),
        ({"filed_under": "end", "from_inclusive": False}, NOON, NOON + 2 * MINUTE, "1 2"),
        ({"filed_under": "end", "to_inclusive": False}, NOON, NOON + 2 * MINUTE, "0 1"),
        ({"filed_under": "start"}, NOON, NOON + 2 * MINUTE, "1 2"),
        ({"filed_under": "end", "cut": 5 * MINUTE}, NOON + MINUTE, NOON + 9 * MINUTE, "0 1 2 3 4 5"),
        ({"filed_under": "end", "cut": 5 * MINUTE, "cut_to_up": True}, NOON + MINUTE, NOON + 8 * MINUTE, ALL),
        ({"cut": DAY}, NOON, NOON + HOUR, ""),
        ({"cut": DAY, "cut_zone": 720}, NOON, NOON + DAY, ALL[2:]),
        ({}, "2024-05-15", "2024-05-15", ""),
        ({"date_to_is_end_of_day": True}, "2024-05-15", "2024-05-15", ALL),
        ({}, "2024-05-15T12:00:00", "2024-05-15T13:00:00", ALL[2:]),
        ({"local_zone": 60}, "2024-05-15T13:00:00", "2024-05-15T13:04:00", ALL[2:9]),
        ({"local_zone": 60}, "2024-05-15", "2024-05-16", ALL),
        ({"local_zone": 720}, "2024-05-15", "2024-05-16", ALL),
        ({"local_zone": 720, "dates_in_local_zone": True}, "2024-05-15", "2024-05-16", "0"),
        ({"future_to": "refused"}, NOON, NOW + HOUR, "Refused"),
        ({"future_to": "empty"}, NOON, NOW + HOUR, ""),
        ({"future_to": "empty"}, NOON, NOW, ALL[2:]),
        ({"above_90_days": "refused"}, NOON - 90 * DAY + HOUR, NOON + HOUR, ALL),
        ({"above_90_days": "refused"}, NOON - 90 * DAY, NOON + HOUR, "Refused"),
        ({"above_90_days": "refused", "days_counted": "calendar"}, NOON - 90 * DAY + HOUR, NOON + HOUR, "Refused"),
        ({"above_90_days": "cut end"}, NOON - 90 * DAY, NOON + HOUR, "0"),
        ({"above_90_days": "cut start"}, NOON - 9 * MINUTE, NOON + 90 * DAY, "1 2 3 4 5 6 7 8 9"),
    ],
)
def test_bounds_are_read_as_the_behaviour_says(
    behaviour: dict[str, Any], low: int | str, high: int | str, answer: str
) -> None:
    assert asked(served(**behaviour), low, high) == answer


def test_a_row_is_filed_where_the_behaviour_says() -> None:
    without_end = row(1, end=NOON, start=NOON, unshown_end=NOON + MINUTE)
    log = [row(0, end=NOON, delay=2 * MINUTE), replace(without_end, end=None)]
    late = (NOON + MINUTE, NOON + HOUR)
    assert asked(served(log, filed_under="end"), *late) == ""
    assert asked(served(log, filed_under="end", hidden_end=True), *late) == "1"
    assert asked(served(log, filed_under="entry"), *late) == "1 0"


def test_scopes_and_filters_select_as_the_behaviour_says() -> None:
    log = [row(0, developer=True), row(1), row(2, channel="ivr", user="u-2")]
    assert asked(served(log)) == "0 1 2"
    assert asked(served(log), isDeveloper=False) == "1 2"
    assert asked(served(log, developer="selects")) == "0"
    assert asked(served(log, developer="selects"), isDeveloper=False) == "1 2"
    assert asked(served(log, developer="ignored"), isDeveloper=False) == "0 1 2"
    assert asked(served(log, no_channel="rtm")) == "0 1"
    assert asked(served(log, no_channel="rtm"), channel=["ivr"]) == "2"
    assert asked(served(log), channel="ivr") == "2"
    assert asked(served(log, ignored_filters=frozenset(["channel"])), channel=["ivr"]) == "0 1 2"
    assert asked(served(log), userIds=["u-2"]) == "2"
    assert asked(served(log, spelling="table"), userIds=["u-2"]) == "0 1 2"
    assert asked(served(log, spelling="table"), userId=["u-2"]) == "2"


def test_rows_come_and_go_between_requests_and_the_clock_moves() -> None:
    server = served([row(0), row(1, appears=1), row(2, vanishes=1), row(3, appears=2)])
    assert [asked(server), asked(server)] == ["0 2", "0 1"]
    assert truth(server, "st", NOON, NOW) == ({"st/0"}, {"st/0", "st/1", "st/2"})
    assert NOW + 100 <= server.clock() <= NOW + 6_000


def test_a_row_that_vanishes_after_the_last_request_was_there_all_the_time() -> None:
    server = served([row(0, vanishes=1)])
    asked(server)
    assert truth(server, "st", NOON, NOW).must == {"st/0"}


def test_live_rows_are_dated_now_or_inside_the_span_and_end_at_their_total() -> None:
    tail = served([], live_rows=2, live_total=3, descending=True)
    assert sorted(asked(tail, NOW - MINUTE, NOW + HOUR).replace("live ", "")) == [" ", "0", "1"]
    assert asked(tail, NOW - MINUTE, NOW + HOUR).count("live") == 3
    span = served([], live_rows=1, live_total=5, live_into="span")
    assert asked(span, NOON - HOUR, NOON) == "live 0"


def test_ties_change_their_order_and_nothing_else_does() -> None:
    log = [row(0), *(row(number, end=NOON + MINUTE) for number in range(1, 6)), row(6)]
    shuffled = served(log, ties="shuffled")
    orders = {asked(shuffled) for _ in range(20)}
    assert len(orders) > 5
    assert {(order[0], order[-1]) for order in orders} == {("0", "6")}
    turned = served(log, ties="turned")
    assert [asked(turned) for _ in range(3)] == ["0 1 2 3 4 5 6", "0 5 4 3 2 1 6", "0 1 2 3 4 5 6"]


def test_what_one_bot_does_is_not_what_another_does() -> None:
    server = SimulatedServer([SimulatedBot("a", Behaviour(refuses=True), TEN), SimulatedBot("b", log=TEN)], NOW)
    assert isinstance(server.fetch("a")(body()), Refused)
    page = server.fetch("b")(body())
    assert isinstance(page, Page)
    assert page.size == 5_002
    assert page.rows[3].record["end_date"] == "2024-05-15T12:03:00.000Z"
    assert [request.bot for request in server.requests] == ["a", "b"]
    assert len(server.requests_of("a")) == 1


def test_the_truth_is_what_was_chosen_and_can_be_reached() -> None:
    log = [row(0), row(1, channel="ivr"), row(2, channel="korevg"), row(3, developer=True), row(4, user="u-2")]
    log += [LogRow("5", None, None), row(6, end=NOON + HOUR), row(0)]
    everything = {f"st/{number}" for number in range(5)}
    assert truth(served(log), "st", NOON, NOON + HOUR) == (everything, everything | {"st/5"})
    assert truth(served(log, no_channel="rtm"), "st", NOON, NOON + HOUR).must == everything - {"st/2"}
    chosen = Choice(include_developer_usage=False, user_ids=("u-1",), channels=("rtm",))
    assert truth(served(log), "st", NOON, NOON + HOUR, chosen) == ({"st/0"}, {"st/0", "st/5"})


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ({}, Promise.COMPLETE),
        ({"page_rows": 1, "cut": HOUR, "filed_under": "entry", "developer": "selects"}, Promise.COMPLETE),
        ({"skip_ceiling": 20}, Promise.COMPLETE),
        ({"skip_ceiling": 5}, Promise.MAY_RAISE),
        ({"skip": "ignored"}, Promise.MAY_RAISE),
        ({"refuses": True}, Promise.MAY_RAISE),
        ({"page_bytes": 100, "above_bytes": "too large"}, Promise.MAY_RAISE),
        ({"page_bytes": 100, "above_bytes": "empty"}, Promise.OUTSIDE),
        ({"page_bytes": 9_000, "skip_ceiling": 20, "above_ceiling": "empty"}, Promise.OUTSIDE),
        ({"invalid_forms": frozenset([DATES]), "refused_forms": frozenset([SECONDS, MILLISECONDS])}, Promise.OUTSIDE),
    ],
)
def test_what_is_promised_of_a_server(behaviour: dict[str, Any], expected: Promise) -> None:
    assert promise(SimulatedBot("st", Behaviour(**behaviour), TEN)) is expected


@pytest.mark.parametrize(
    ("emitted", "error", "message"),
    [
        (range(10), None, ""),
        (range(9), None, "lost in silence"),
        ([*range(10), 3], None, "emitted twice"),
        ([*range(10), 77], None, "not of this window"),
        (range(9), ValueError("gave up"), "raised where every row can be read"),
    ],
)
def test_a_sync_is_held_to_the_truth(emitted: Sequence[int], error: Exception | None, message: str) -> None:
    def judge() -> None:
        assert_emitted(served(), "st", [f"st/{number}" for number in emitted], NOON, NOW, error=error)

    if not message:
        return judge()
    with pytest.raises(AssertionError, match=message):
        judge()
    return None


def test_a_sync_that_raised_owes_what_it_checkpointed() -> None:
    server = served(refuses=True)
    assert_emitted(server, "st", [], NOON, NOW, error=ValueError())
    with pytest.raises(AssertionError, match="lost in silence"):
        assert_emitted(server, "st", [], NOON, NOW, error=ValueError(), reached=NOON + MINUTE)


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        (NOON - 90 * DAY, NOON, "91 calendar days"),
        ("2024-01-01", "2024-03-31", "91 calendar days"),
        (NOON, NOON - 1, "dateFrom after dateTo"),
    ],
)
def test_a_request_that_asks_for_too_much_is_seen(low: int | str, high: int | str, message: str) -> None:
    server = served()
    asked(server, NOON - 89 * DAY, NOON)
    asked(server, "2024-01-01", "2024-03-30")
    assert_requests(server)
    asked(server, low, high)
    with pytest.raises(AssertionError, match=message):
        assert_requests(server)


def test_too_many_requests_are_seen() -> None:
    server = served()
    asked(server)
    assert_requests(server, at_most=1)
    asked(server)
    with pytest.raises(AssertionError, match="2 requests for st"):
        assert_requests(server, at_most=1)


def test_a_date_that_no_server_knows_is_the_readers_defect() -> None:
    with pytest.raises(AssertionError, match="no server is known"):
        asked(served(), "yesterday")


# Readers that believe too much are caught, each within a thousand examples.

SEARCH = settings(
    max_examples=1_000,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def read(scenario: Scenario, ends: str, pad: int) -> None:
    """A plain reader of padded spans of 40 days. `ends` is the page that it takes for the last: short or empty."""
    server = scenario.server()
    for bot in scenario.bots:
        emitted: set[str] = set()
        error: Exception | None = None
        low = scenario.start
        while low < scenario.after and not error:
            high, skip = min(low + 40 * DAY, scenario.after), 0
            while True:
                keys = {"limit": "50", "skip": str(skip)} | scenario.choice.body()
                answer = server.fetch(bot.bot_id)(body(low - pad, high + pad, **keys))
                if isinstance(answer, Refused | TooLarge | Unavailable) or skip > 200:
                    error = ValueError("gave up")
                    break
                emitted |= {found.id for found in answer.rows if found.time and low <= found.time < high}
                skip += len(answer.rows)
                if len(answer.rows) < (50 if ends == "short" else 1):
                    break
            low = low if error else high
        window = (scenario.start, scenario.after)
        assert_emitted(server, bot.bot_id, emitted, *window, scenario.choice, error, reached=low)
    assert_requests(server)


@settings(max_examples=200, deadline=None)
@given(servers(traits=("page rows", "bounds", "filed", "days"), choose=False, moves=False))
def test_a_reader_that_pads_by_a_day_and_ends_at_an_empty_page_reads_a_plain_server_whole(scenario: Scenario) -> None:
    read(scenario, "empty", DAY)


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize(
    ("traits", "ends", "pad", "moves"),
    [
        (["page rows"], "short", DAY, False),
        (["filed"], "empty", 0, False),
        (["cut"], "empty", MINUTE, False),
        (["bounds"], "empty", 0, False),
        (["developer"], "empty", DAY, False),
        (["channels"], "empty", DAY, False),
        (["future"], "empty", DAY, False),
        (["invalid form"], "empty", DAY, False),
        (["skip ceiling"], "empty", DAY, False),
        (["ties", "page rows"], "empty", DAY, False),
        # Calls of an hour and more under a filter by their start, and rows deleted behind the page that is being read.
        ([], "empty", 15 * MINUTE, False),
        (["page rows"], "empty", DAY, True),
    ],
)
def test_a_reader_that_believes_too_much_is_caught(traits: list[str], ends: str, pad: int, moves: bool) -> None:
    def loses_rows(scenario: Scenario) -> bool:
        try:
            read(scenario, ends, pad)
        except AssertionError as error:
            return "lost in silence" in str(error)
        return False

    find(servers(traits=traits, choose=False, moves=moves), loses_rows, settings=SEARCH)


def test_every_field_of_a_behaviour_is_drawn() -> None:
    drawn: set[str] = set()

    @settings(SEARCH)
    @given(behaviours())
    def draw(behaviour: Behaviour) -> None:
        drawn.update(field.name for field in fields(behaviour) if getattr(behaviour, field.name) != field.default)

    draw()
    assert drawn == {field.name for field in fields(Behaviour)}


@settings(max_examples=50, deadline=None)
@given(behaviours(), st.data())
def test_a_behaviour_shows_what_it_differs_in(behaviour: Behaviour, data: st.DataObject) -> None:
    assert eval(repr(behaviour)) == behaviour
