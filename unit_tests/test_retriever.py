"""A bot's slice becomes records with marks behind them; what is held is freed; a fault is told when it lasts."""

import gc
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from airbyte_cdk.models import AirbyteMessage, FailureType
from airbyte_cdk.sources.types import StreamSlice

from integration_tests.kore_emulator import Reading, even_rows
from integration_tests.kore_emulator.answers import page_body
from integration_tests.kore_emulator.behaviour import PLAIN
from integration_tests.kore_emulator.log_rows import logged
from integration_tests.kore_emulator.simulation import Log, answer
from source_kore_llm_logs.api.clock import ServerClock
from source_kore_llm_logs.components import retriever
from source_kore_llm_logs.components.retriever import LogRetriever
from source_kore_llm_logs.errors import ConnectorError
from source_kore_llm_logs.records.timestamps import to_iso
from source_kore_llm_logs.runtime.backpressure import EndOfPage, PageMemory
from source_kore_llm_logs.runtime.checkpoints import CheckpointMessage

NOW = datetime(2026, 3, 1, 12, 1, 40, tzinfo=timezone.utc)
Row = dict[str, Any]


def page_of(rows: list[Row], body: Mapping[str, Any]) -> bytes:
    """What the plainest server answers."""
    return page_body(answer(PLAIN, Log(map(logged, rows)), body, int(NOW.timestamp() * 1000)), Reading())


ROWS = even_rows("st-1", NOW - timedelta(minutes=60 + 250 * 10), NOW - timedelta(hours=1), 250)


class FakeRequester:
    """Answers from the rows, unless `fault` gives something to raise for the n-th request (from 0) of this body."""

    def __init__(self, rows: list[Row], fault: Callable[[int, Mapping[str, Any]], Exception | None]):
        self.session = SimpleNamespace(clock=ServerClock(), sent=Counter())
        self._rows, self._fault = rows, fault
        self.bodies: list[Mapping[str, Any]] = []

    def page(self, bot: StreamSlice, body: Mapping[str, Any], room: PageMemory) -> requests.Response:
        room.acquire()
        self.bodies.append(body)
        fault = self._fault(len(self.bodies) - 1, body)
        if fault is not None:
            raise fault
        response = requests.Response()
        response.status_code = 200
        response._content = page_of(self._rows, body)
        return response


class Sync:
    """The read of one bot."""

    def __init__(
        self,
        rows: list[Row] = ROWS,
        fault: Callable[[int, Mapping[str, Any]], Exception | None] = lambda number, body: None,
        **config: Any,
    ):
        self.requester = FakeRequester(rows, fault)
        self.retriever = LogRetriever(self.requester, config, {"is_check": False})  # type: ignore[arg-type]

    def messages(self) -> Iterator[Any]:
        span = {"start_time": to_iso(NOW - timedelta(days=3)), "end_time": to_iso(NOW - timedelta(minutes=1))}
        bot = StreamSlice(partition={"bot_id": "st-1"}, cursor_slice=span)
        return iter(self.retriever.read_records({}, bot))

    def printed(self) -> Iterator[Any]:
        """The same, as the main thread prints them: it frees pages."""
        for message in self.messages():
            if isinstance(message, EndOfPage):
                message.page.resize(0)
            yield message

    @property
    def held(self) -> int:
        return self.retriever._backpressure.held


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands at NOW, and no pause is made."""
    monkeypatch.setattr(retriever.time, "sleep", lambda _: None)
    monkeypatch.setattr(retriever.time, "time", NOW.timestamp)


def records(messages: Iterable[Any]) -> list[str]:
    return [message["description"] for message in messages if not isinstance(message, AirbyteMessage)]


def test_every_row_is_given_once_and_a_page_is_held_until_its_mark_is_printed() -> None:
    sync, messages, marks = Sync(), list[Any](), 0
    for message in sync.messages():
        messages.append(message)
        if isinstance(message, EndOfPage):
            assert sync.held > 0
            message.page.resize(0)
            marks += 1
    assert sorted(records(messages)) == sorted(row["Description"] for row in ROWS)
    assert isinstance(messages[-1], CheckpointMessage)
    assert messages[-1].bot_id == "st-1"
    assert messages[-1].complete_until == int((NOW - timedelta(minutes=1)).timestamp() * 1000) + 1
    assert marks > 0
    assert sync.held == 0


@pytest.mark.parametrize("at", [0, 1, 5, 12])
def test_a_bot_that_fails_holds_nothing_when_its_messages_are_printed(at: int) -> None:
    fault = ConnectorError("no.", FailureType.system_error, "st-1")
    sync = Sync(fault=lambda number, body: fault if number >= at else None, page_size=20)
    with pytest.raises(ConnectorError, match="Bot st-1: no"):
        list(sync.printed())
    assert sync.held == 0


def test_whoever_stops_in_between_leaves_nothing_held() -> None:
    sync = Sync()
    messages = sync.messages()
    next(messages)
    assert sync.held > 0
    messages.close()  # type: ignore[attr-defined]
    assert sync.held == 0


FAULTS = [
    ConnectorError("The connector cannot reach x.", FailureType.transient_error, category="unreachable"),
    ConnectorError("status 502.", FailureType.transient_error, "st-1", category="server_error"),
    ConnectorError("x did not answer in time.", FailureType.transient_error, "st-1", category="page_size"),
]


@pytest.mark.parametrize(("fault", "answered", "most"), [(FAULTS[0], 0, 1), *((fault, 12, 21) for fault in FAULTS)])
def test_a_fault_that_lasts_is_told_as_it_is_after_small_pages(fault: ConnectorError, answered: int, most: int) -> None:
    """A host that was never reached is not asked again."""
    sync = Sync(fault=lambda number, body: fault if number >= answered else None, page_size=20)
    with pytest.raises(ConnectorError) as raised:
        list(sync.printed())
    assert raised.value is fault
    assert not answered or {int(body["limit"]) for body in sync.requester.bodies[answered:]} >= {20, 1}
    assert len(sync.requester.bodies) <= most


@pytest.mark.parametrize("count", [3, 250])
def test_there_is_room_for_a_page_before_it_is_asked_for(count: int) -> None:
    """However small the answers before it were: a question of the calibration, or what is behind the last row."""
    room = list[tuple[int, int]]()

    def note(number: int, body: Mapping[str, Any]) -> None:
        room.append((sync.held, len(page_of(ROWS[:count], body))))

    sync = Sync(ROWS[:count], fault=note)
    list(sync.printed())
    assert all(held >= 0.8 * size for held, size in room if size > 2)
    assert max(held for held, _ in room) <= retriever.MAX_EXPECTED_BYTES


class Tracked(dict[str, Any]):
    """A record of which is seen whether anybody still holds it."""

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)


def test_when_a_page_is_asked_for_records_of_at_most_one_before_it_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """And those of the calibration: a page that was given may be on its way to stdout, and costs nothing else."""
    alive, to_record, held = weakref.WeakSet[Tracked](), retriever.to_record, list[int]()

    def tracked(*arguments: Any) -> Tracked:
        record = Tracked(to_record(*arguments))
        alive.add(record)
        return record

    def count(number: int, body: Mapping[str, Any]) -> None:
        gc.collect()
        held.append(len(alive))

    monkeypatch.setattr(retriever, "to_record", tracked)
    rows = even_rows("st-1", NOW - timedelta(hours=51), NOW - timedelta(hours=1), 1000)
    gc.freeze()  # All that other tests left would be looked through at each request.
    for message in Sync(rows, count, page_size=100).printed():
        del message
    gc.unfreeze()
    assert len(held) > 15
    assert max(held) <= 60 + 100
