"""What was learned of one bot: what its server takes, what it gives rows for, and how its bounds are cut."""

from typing import Any

import pytest

from source_kore_llm_logs.reading.bot import MOST_CALLS_ASKED_AROUND, Bot
from source_kore_llm_logs.reading.fetch import Answer, Body, Page, Refused, Row, TooLarge, Unavailable
from source_kore_llm_logs.reading.part import Part
from source_kore_llm_logs.reading.request_format import FIRST, RequestFormat
from source_kore_llm_logs.reading.scopes import Scope
from unit_tests.simulated_answer import SimulatedError
from unit_tests.simulated_behaviour import DATES, DAY, HOUR, MILLISECONDS, MINUTE, SECOND, Choice, LogRow
from unit_tests.small_scenario import NOON, asking, bodies, bot_of, plain, row, rows, scenario

FIT = [row(number, NOON + number * HOUR + 20 * SECOND) for number in range(5)]
"""Calls in the middle of a minute, an hour apart."""


def page(answered: Answer) -> list[Row]:
    assert isinstance(answered, Page), answered
    return answered.rows


def verified(log: list[LogRow], form: RequestFormat = FIRST, **behaviour: Any) -> bool:
    bot, _ = bot_of(scenario(log, **behaviour))
    asked = asking(form=form)
    found, _ = bot.page(asked, 0)
    return bot.verify_bounds(asked, page(found))


# Requests


def test_a_request_holds_scope_filters_span_and_page() -> None:
    choice = Choice(user_ids=("u-1",), channels=("ivr",))
    bot, server = bot_of(scenario([row(1, channel="ivr")], choice=choice))
    bot.ask(asking(scope=Scope(False, ("ivr",))), 3, 7)
    assert server.requests[0].body == {
        "isDeveloper": False, "channel": ["ivr"], "userIds": ["u-1"], "limit": "7", "skip": "3",
        "dateFrom": "2024-05-15T00:00:00.000Z", "dateTo": "2024-05-16T00:00:00.000Z",
    }  # fmt: skip


@pytest.mark.parametrize(("without", "key"), [("channels", "channel"), ("user_ids", "userIds")])
def test_a_filter_can_be_left_out(without: str, key: str) -> None:
    bot, server = bot_of(scenario([], choice=Choice(user_ids=("u-1",), channels=("ivr",))))
    bot.ask(asking(scope=Scope(True, ("ivr",))), 0, 1, without=without)
    assert {"channel", "userIds"} - server.requests[0].body.keys() == {key}


def test_a_question_proves_nothing_of_the_format() -> None:
    bot, _ = bot_of(scenario(rows(3)))
    bot.ask(asking(), 0, 50, is_question=True)
    assert not bot.has_given_rows(FIRST)
    bot.ask(asking(), 0, 50)
    assert bot.has_given_rows(FIRST)
    assert not bot.has_given_rows(RequestFormat(dates="day"))


def test_an_empty_page_proves_nothing() -> None:
    bot, _ = bot_of(scenario([]))
    bot.ask(asking(), 0, 50)
    assert not bot.has_given_rows(FIRST)


def test_rows_for_dates_in_the_past_prove_nothing_of_dates_in_the_future() -> None:
    bot, _ = bot_of(scenario(rows(3), now=NOON + HOUR))
    bot.ask(asking(asking().span._replace(date_to=NOON + MINUTE)), 0, 50)
    assert not bot.has_given_rows_ahead(FIRST)
    bot.ask(asking(), 0, 50)
    assert bot.has_given_rows_ahead(FIRST)


def test_the_seconds_of_a_page_are_those_of_the_last_pages() -> None:
    times = iter([8.0, 8.0, 8.0, 8.0, *[1.0] * 20])
    bot = Bot("st", lambda body: Page([], 2, next(times)), lambda: NOON)
    for _ in range(4):
        bot.ask(asking(), 0, 1)
    assert bot.seconds_a_page == 8
    for _ in range(20):
        bot.ask(asking(), 0, 1)
    assert bot.seconds_a_page == pytest.approx(1, abs=0.1)
    assert bot.counts["requests"] == 24


# Pages


def test_a_page_that_is_too_large_is_asked_for_in_halves() -> None:
    bot, server = bot_of(scenario(rows(40), too_large_rows=6))
    answer, limit = bot.page(asking(), 0)
    assert (len(page(answer)), limit) == (3, 3)
    assert [int(limit) for (limit,) in bodies(server, "limit")] == [1000, 500, 250, 125, 62, 31, 15, 7, 3]


def test_a_page_of_the_least_rows_that_is_too_large_is_the_answer() -> None:
    bot, server = bot_of(scenario(rows(40), too_large_rows=0))
    answer, limit = bot.page(asking(), 0, least=2)
    assert isinstance(answer, TooLarge)
    assert limit == 2
    assert int(server.requests[-1].body["limit"]) == 2


@pytest.mark.parametrize("above_limit", ["refused", "empty"])
def test_where_a_smaller_page_gave_rows_it_is_asked_for_again(above_limit: str) -> None:
    """A page above the largest `limit` is refused, or answered with no row, as one beyond the end is."""
    bot, server = bot_of(scenario(rows(40), largest_limit=20, above_limit=above_limit))
    bot.ask(asking(), 0, 10)
    answer, limit = bot.page(asking(), 0)
    assert (len(page(answer)), limit) == (10, 10)
    assert [int(limit) for (limit,) in bodies(server, "limit")] == [10, 1000, 10]
    assert bot.page_size.limit <= 20


@pytest.mark.parametrize("behaviour", [{"refuses": True}, {"down": True}])
def test_a_refusal_or_a_fault_is_the_answer_where_nothing_is_known(behaviour: dict[str, Any]) -> None:
    bot, server = bot_of(scenario(rows(3), **behaviour))
    answer, _ = bot.page(asking(), 0)
    assert isinstance(answer, Refused | Unavailable)
    assert len(server.requests) == 1


# Formats


def refused(words: str) -> Refused:
    return Refused(words, SimulatedError(words))


def test_a_refused_large_limit_leads_to_the_documented_one_and_leaves_the_format() -> None:
    bot, _ = bot_of(scenario([]))
    bot.refuse(asking(), refused("Invalid arguments"), 1_000)
    assert (bot.page_size.limit, bot.form) == (50, FIRST)


def test_a_limit_that_the_words_name_is_taken() -> None:
    bot, _ = bot_of(scenario([]))
    bot.refuse(asking(), refused("limit must be at most 200"), 1_000)
    assert bot.page_size.limit == 200
    bot.refuse(asking(), refused("limit must be at most 500"), 200)
    assert bot.page_size.limit == 50, "what is named is no smaller: the documented one"


def test_each_format_is_tried_once_and_then_the_refusal_is_raised() -> None:
    bot, _ = bot_of(scenario([]))
    tried = {bot.form}
    for _ in range(5):
        bot.refuse(asking(form=bot.form), refused("dateTo"), 50)
        tried.add(bot.form)
    assert len(tried) == 6
    with pytest.raises(SimulatedError, match="dateTo"):
        bot.refuse(asking(form=bot.form), refused("dateTo"), 50)


def test_a_refusal_of_a_format_that_was_left_meanwhile_changes_nothing() -> None:
    """Another thread, reading another part of the bot, went on to the next."""
    bot, _ = bot_of(scenario([]))
    bot.adopt(RequestFormat(integers=True))
    bot.refuse(asking(), refused("dateTo"), 50)
    assert bot.form == RequestFormat(integers=True)


def test_words_that_name_the_future_are_no_doubt_of_the_page_size() -> None:
    bot, _ = bot_of(scenario([], now=NOON))
    bot.refuse(asking(), refused("dateTo lies in the future"), 1_000)
    assert bot.page_size.limit == 1_000
    assert bot.form == RequestFormat(until_now=True)


@pytest.mark.parametrize(
    ("behaviour", "dates"),
    [
        ({}, "milliseconds"),
        ({"refused_forms": frozenset([MILLISECONDS])}, "day"),
        ({"refused_forms": frozenset([MILLISECONDS, DATES])}, "seconds"),
    ],
)
def test_a_check_is_answered_in_any_format(behaviour: dict[str, Any], dates: str) -> None:
    bot, server = bot_of(scenario([], **behaviour))
    bot.must_answer(Part(NOON - MINUTE, NOON))
    assert bot.form.dates == dates
    assert {(limit, skip) for limit, skip in bodies(server, "limit", "skip")} == {("1", "0")}


@pytest.mark.parametrize("behaviour", [{"down": True}, {"refuses": True}, {"timeouts": frozenset([0])}])
def test_a_check_raises_what_keeps_the_bot_from_answering(behaviour: dict[str, Any]) -> None:
    bot, _ = bot_of(scenario([], **behaviour))
    with pytest.raises(SimulatedError):
        bot.must_answer(Part(NOON - MINUTE, NOON))


# Bounds


@pytest.mark.parametrize("form", [FIRST, RequestFormat(dates="seconds")])
@pytest.mark.parametrize("filed_under", ["start", "end", "entry"])
def test_a_call_that_comes_back_for_its_minute_verifies_bounds(form: RequestFormat, filed_under: str) -> None:
    assert verified(FIT, form, filed_under=filed_under)


def test_dates_without_a_time_are_never_verified() -> None:
    assert not verified(FIT, RequestFormat(dates="day"))


@pytest.mark.parametrize("cut", [5 * MINUTE, HOUR, DAY])
@pytest.mark.parametrize("cut_to_up", [False, True])
def test_bounds_that_are_cut_are_verified_only_if_neither_hides_a_row(cut: int, cut_to_up: bool) -> None:
    """Cut down, `dateTo` lies before the call. Cut up, it lies behind, and every row of the part comes."""
    assert verified(FIT, cut=cut, cut_to_up=cut_to_up) is cut_to_up


@pytest.mark.parametrize("local_zone", [-12 * 60, -180, 60, 330, 14 * 60])
@pytest.mark.parametrize("cut", [1, HOUR, DAY])
def test_times_that_are_read_in_another_zone_are_not_verified(local_zone: int, cut: int) -> None:
    assert not verified(FIT, RequestFormat(dates="seconds"), local_zone=local_zone, cut=cut, cut_to_up=True)


def test_a_zone_that_is_not_told_takes_neighbours_that_do_not_come() -> None:
    form = RequestFormat(dates="seconds")
    assert not verified(FIT[:1], form)
    assert verified(FIT[:1])


def test_bounds_are_verified_for_each_way_to_write_dates_and_once() -> None:
    bot, server = bot_of(scenario(FIT))
    found = page(bot.page(asking(), 0)[0])
    assert bot.verify_bounds(asking(), found)
    asked = len(server.requests)
    assert bot.verify_bounds(asking(form=RequestFormat(integers=True)), found)
    assert len(server.requests) == asked
    assert bot.is_verified(FIRST)
    assert not bot.is_verified(RequestFormat(dates="seconds"))


def test_no_more_than_a_few_calls_are_asked_around() -> None:
    bot, server = bot_of(scenario(FIT, cut=DAY))
    for _ in range(3):
        bot.verify_bounds(asking(), page(bot.page(asking(), 0)[0]))
    around = [body for body in bodies(server, "dateFrom") if body[0].endswith(":00.001Z")]
    assert len(around) == MOST_CALLS_ASKED_AROUND


@pytest.mark.parametrize("behaviour", [{"faults": frozenset(range(1, 9))}, {"timeouts": frozenset(range(1, 99))}])
def test_a_fault_while_bounds_are_verified_leaves_the_padding(behaviour: dict[str, Any]) -> None:
    assert not verified(FIT, **behaviour)


def test_a_call_may_come_on_a_later_page_of_its_minute() -> None:
    minute = [row(number, NOON + 20 * SECOND + number) for number in range(3)]
    bot, _ = bot_of(scenario(minute, page_rows=1))
    found = [row for skip in range(3) for row in page(bot.page(asking(), skip)[0])]
    assert plain(found) == "0 1 2"
    assert bot.verify_bounds(asking(), found[2:])


def test_two_bots_on_one_server_know_nothing_of_each_other() -> None:
    told = scenario(rows(3))
    (one, _), (other, _) = bot_of(told), bot_of(told)
    one.page(asking(), 0)
    one.refuse(asking(), refused("dateTo"), 50)
    assert not other.has_given_rows(FIRST)
    assert other.form == FIRST


def test_what_cannot_be_mended_is_raised_as_it_is() -> None:
    def fetch(body: Body) -> Answer:
        raise PermissionError("the secret is wrong")

    with pytest.raises(PermissionError):
        Bot("st", fetch, lambda: NOON).page(asking(), 0)
