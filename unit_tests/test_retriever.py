"""The CDK's side of the reader: what an answer of HTTP becomes, and which window a slice stands for."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson
import pytest
import requests
from airbyte_cdk.sources.types import StreamSlice

from source_kore_llm_logs.components.retriever import LogRetriever
from source_kore_llm_logs.errors import Fault, HostUnreachable, PageTooLarge, RequestRefused, RetriesExhausted
from source_kore_llm_logs.reading.fetch import Answer, Page, Refused, TooLarge, Unavailable
from source_kore_llm_logs.reading.part import DAY, Part
from source_kore_llm_logs.runtime.sync_report import sync_report
from unit_tests.simulated_behaviour import HOUR, LogRow, iso
from unit_tests.simulated_server import SimulatedBot, SimulatedServer
from unit_tests.small_scenario import NOON, NOW, rows

SLICE = StreamSlice(
    partition={"bot_id": "st"},
    cursor_slice={"start_time": "2024-05-15T12:00:00.000Z", "end_time": "2024-05-15T13:59:59.999Z"},
)


def as_json(row: LogRow) -> dict[str, Any]:
    return {
        "start Date": iso(row.start), "End Date": iso(row.end), "Session ID": f"s-{row.number}",
        "Channel Name": row.channel, "User ID": row.user,
    }  # fmt: skip


class Requester:
    """Answers as the real one does, with the rows of a simulated server; or raises what it is told to."""

    def __init__(self, log: list[LogRow], raises: Exception | None = None):
        self._log = {f"st/{row.number}": row for row in log}
        self._server = SimulatedServer([SimulatedBot("st", log=tuple(log))], NOW)
        self._raises = raises
        self.bodies: list[Mapping[str, Any]] = []

    def send_request(self, stream_slice: StreamSlice, request_body_json: Mapping[str, Any]) -> requests.Response:
        assert stream_slice.partition == {"bot_id": "st"}
        self.bodies.append(request_body_json)
        if self._raises:
            raise self._raises
        answer = self._server.fetch("st")(request_body_json)
        assert isinstance(answer, Page)
        response = requests.Response()
        response.status_code = 200
        response.elapsed = timedelta(seconds=2)
        response._content = orjson.dumps([as_json(self._log[found.id]) for found in answer.rows])
        return response


def retriever(requester: Requester, is_check: bool = False, **config: Any) -> LogRetriever:
    return LogRetriever(requester, config, {"is_check": is_check}, cursor=object())  # type: ignore[arg-type]


def answered(raises: Exception) -> Answer:
    log = retriever(Requester([], raises)).log_of_bot(SLICE)
    return log.bot._fetch({"limit": "1", "skip": "0"})


def test_without_a_cursor_no_sync_would_remember_what_it_read() -> None:
    with pytest.raises(Fault, match="no cursor"):
        LogRetriever(Requester([]), {}, {})  # type: ignore[arg-type]


def test_both_ends_of_a_slice_belong_to_the_window() -> None:
    log = retriever(Requester([])).log_of_bot(SLICE)
    assert log.bot.id == "st"
    assert log.planner.window == Part(NOON, NOON + 2 * HOUR)


@pytest.mark.parametrize(("config", "days"), [({}, 84), ({"window_days": 90}, 84), ({"window_days": 7}, 7)])
def test_no_part_is_longer_than_the_configuration_says(config: dict[str, Any], days: int) -> None:
    long = StreamSlice(
        partition={"bot_id": "st"}, cursor_slice={**SLICE.cursor_slice, "end_time": "2025-05-15T13:59:59.999Z"}
    )
    planned = retriever(Requester([]), **config).log_of_bot(long).planner.take()
    assert planned is not None
    assert planned.part.length == days * DAY


def test_the_configuration_reaches_the_requests() -> None:
    requester = Requester([])
    config = {"channels": ["ivr"], "user_ids": ["u-1"], "include_developer_usage": False, "page_size": 7}
    list(retriever(requester, **config).read_records({}, SLICE))
    first = requester.bodies[0]
    assert (first["channel"], first["userIds"], first["isDeveloper"], first["limit"]) == (["ivr"], ["u-1"], False, "7")


def test_developers_are_included_unless_the_configuration_says_otherwise() -> None:
    requester = Requester([])
    list(retriever(requester).read_records({}, SLICE))
    assert requester.bodies[0]["isDeveloper"] is True


def test_rows_become_records_with_their_dates_in_milliseconds() -> None:
    log = retriever(Requester(rows(2))).log_of_bot(SLICE)
    answer = log.bot._fetch({"dateFrom": iso(NOON - DAY), "dateTo": iso(NOON + DAY), "limit": "9", "skip": "0"})
    assert isinstance(answer, Page)
    assert [(row.start, row.end) for row in answer.rows] == [(NOON - 1_000, NOON), (NOON + 59_000, NOON + 60_000)]
    assert answer.rows[1].record["session_id"] == "s-1"
    assert answer.rows[0].id == answer.rows[0].record["id"]
    assert answer.seconds == 2
    assert answer.size > 50


@pytest.mark.parametrize(
    ("raises", "kind", "words"),
    [
        (RequestRefused("st", 412, "limit"), Refused, "limit"),
        (PageTooLarge("Bot st: 413."), TooLarge, "Bot st: 413."),
        (RetriesExhausted("Bot st: 500."), Unavailable, "Bot st: 500."),
    ],
)
def test_what_another_request_may_mend_is_an_answer(raises: Fault, kind: type, words: str) -> None:
    answer = answered(raises)
    assert isinstance(answer, kind)
    assert answer == kind(words, raises)


@pytest.mark.parametrize("raises", [HostUnreachable("No connection."), Fault("The secret is wrong.")])
def test_what_no_other_request_could_mend_is_raised(raises: Fault) -> None:
    with pytest.raises(Fault) as raised:
        answered(raises)
    assert raised.value is raises


def test_a_window_is_read_part_after_part() -> None:
    found = list(retriever(Requester(rows(10))).read_records({}, SLICE))
    assert sorted(record["session_id"] for record in found) == [f"s-{number}" for number in range(10)]  # type: ignore[index]


def test_a_check_asks_one_small_question_about_the_last_minute_and_reads_nothing() -> None:
    requester = Requester(rows(10))
    checked = retriever(requester, is_check=True)
    assert list(checked.read_records({}, SLICE)) == []
    (body,) = requester.bodies
    assert (body["dateFrom"], body["dateTo"]) == ("2024-05-15T13:59:00.000Z", "2024-05-15T14:00:00.000Z")
    assert (body["limit"], body["skip"]) == ("1", "0")


def test_in_a_sync_the_report_can_open_logs_and_counts_what_is_held() -> None:
    with sync_report() as report:
        made = retriever(Requester(rows(3)))
    assert report.opens == made.log_of_bot
    log = made.log_of_bot(SLICE)
    assert report.logs == [log]


def test_a_page_without_rows_holds_nothing_back() -> None:
    with sync_report() as report:
        made = retriever(Requester([]))
    released = []
    report.backpressure.release = lambda: released.append(1)  # type: ignore[method-assign, assignment]
    report.backpressure.wait = lambda: None  # type: ignore[method-assign]
    body = {"dateFrom": iso(NOON), "dateTo": iso(NOON), "limit": "1", "skip": "0"}
    made.log_of_bot(SLICE).bot._fetch(body)
    assert released == [1]
