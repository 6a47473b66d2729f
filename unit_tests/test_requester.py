"""Hours of requests under a clock that only waiting moves: never above a rolling limit, and all of it used."""

from bisect import bisect_right
from contextlib import suppress
from io import BytesIO
from typing import Any

import pyrate_limiter.clocks
import pytest
import requests
from airbyte_cdk.sources.streams import call_rate
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from benchmarks.sizing import least_seconds
from source_kore_llm_logs.components.requester import BotBudget, BotSession
from source_kore_llm_logs.runtime.backpressure import Backpressure, PageMemory

MINUTE, HOUR = 60.0, 3600.0


class FakeClock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0.001)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    fake = FakeClock()
    monkeypatch.setattr(pyrate_limiter.clocks, "time", fake.time)
    monkeypatch.setattr(call_rate.time, "sleep", fake.sleep)
    return fake


def request_of(bot_id: str) -> requests.PreparedRequest:
    url = f"https://platform.kore.ai/api/1.1/public/bot/{bot_id}/getLLMUsageLogs"
    return requests.Request("POST", url, json={}).prepare()


def most_in_any(window: float, moments: list[float]) -> int:
    return max(bisect_right(moments, at + window - 1e-6) - place for place, at in enumerate(moments))


@pytest.mark.parametrize(
    ("config", "per_minute", "per_hour"),
    [
        ({}, 60, 1800),
        ({"requests_per_minute": 20, "requests_per_hour": 100_000}, 20, 1200),
        ({"requests_per_minute": 600, "requests_per_hour": 300}, 300, 300),
    ],
)
@pytest.mark.parametrize("latency", [0.0, 0.7])
def test_two_hours_use_the_whole_limit_and_never_more(
    clock: FakeClock, config: dict[str, Any], per_minute: int, per_hour: int, latency: float
) -> None:
    budget = BotBudget({"bot_ids": ["st-1"], **config})
    began, moments = clock.now, list[float]()
    while clock.now - began < 2 * HOUR:
        budget.acquire_call(request_of("st-1"))
        moments.append(clock.now)
        clock.now += latency
    made = [at for at in moments if at - began < 2 * HOUR]
    assert most_in_any(MINUTE, made) <= per_minute
    assert most_in_any(HOUR, made) <= per_hour
    assert len(made) >= 0.95 * 2 * per_hour


def test_bots_have_each_a_budget_of_their_own(clock: FakeClock) -> None:
    bots = [f"st-{n}" for n in range(5)] + ["st-1.x"]
    budget, began = BotBudget({"bot_ids": bots}), clock.now
    for bot in bots * 60:
        budget.acquire_call(request_of(bot))
    assert clock.now == began
    budget.acquire_call(request_of("st-1"))
    assert MINUTE <= clock.now - began <= MINUTE + 1


@pytest.mark.parametrize("count", [1, 60, 61, 1800, 1801, 5000])
def test_the_time_that_the_sizing_table_gives_is_the_time_that_the_budget_takes(clock: FakeClock, count: int) -> None:
    budget, began = BotBudget({"bot_ids": ["st-1"]}), clock.now
    for _ in range(count):
        budget.acquire_call(request_of("st-1"))
    assert clock.now - began == pytest.approx(least_seconds(count), rel=0.01, abs=1)


class Recorded(HTTPAdapter):
    """Answers each request with the status given, or drops it (0); keeps its signature and when it came."""

    def __init__(self, clock: FakeClock, status: int = 200):
        super().__init__()
        self._clock, self._status = clock, status
        self.seen: list[tuple[str, float]] = []

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        self.seen.append((request.headers["auth"], self._clock.now))
        if not self._status:
            raise requests.exceptions.ConnectionError
        response = requests.Response()
        response.status_code, response.request, response.raw = self._status, request, BytesIO()
        return response


class SignedAt(AuthBase):
    """Signs with the time of the signature."""

    def __init__(self, clock: FakeClock):
        self._clock = clock

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["auth"] = str(self._clock.now)
        return request


def session_of(clock: FakeClock, adapter: HTTPAdapter, **config: Any) -> BotSession:
    session = BotSession(BotBudget({"bot_ids": ["st-1"], **config}), SignedAt(clock))
    session.mount("https://", adapter)
    return session


def test_a_token_is_signed_after_the_wait_for_the_limit_and_anew_for_each_try(clock: FakeClock) -> None:
    adapter, request = Recorded(clock), request_of("st-1")
    session = session_of(clock, adapter, requests_per_minute=2)
    for _ in range(5):
        session.send(request)
    assert adapter.seen[-1][1] - adapter.seen[0][1] >= 2 * MINUTE
    assert [float(signed) for signed, _ in adapter.seen] == [at for _, at in adapter.seen]


def test_a_fault_always_has_its_request_and_every_try_of_a_bot_is_counted(clock: FakeClock) -> None:
    session, request = session_of(clock, Recorded(clock, 0)), request_of("st-1")
    for _ in range(3):
        with pytest.raises(requests.RequestException) as raised:
            session.send(request)
        assert raised.value.request is request
    assert (session.sent["st-1"], session.sent["st-2"]) == (3, 0)


@pytest.mark.parametrize(("status", "after"), [(200, 1000), (204, 0), (429, 0), (503, 0), (0, 0)])
def test_who_waits_for_the_limit_holds_no_room_nor_who_asks_again(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, status: int, after: int
) -> None:
    backpressure, held = Backpressure(), list[int]()
    room = PageMemory(backpressure, 1000)
    monkeypatch.setattr(BotBudget, "acquire_call", lambda *_: held.append(backpressure.held))
    session = session_of(clock, Recorded(clock, status))
    session.auth = session._sign = lambda request: held.append(backpressure.held) or SignedAt(clock)(request)
    with suppress(requests.ConnectionError):
        session.send(request_of("st-1"), page=room)
    assert held == [0, 1000]
    assert backpressure.held == after
