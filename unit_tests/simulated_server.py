"""A server in memory that answers a reader's requests in any way that the API's documentation does not rule out.

`Scenario` describes bots, clock and window, and `server()` makes a `SimulatedServer` of it, whose `fetch(bot)` is what
the reader is given. What a sync owes is told by `simulated_promise.py`; `simulated_scenarios.py` draws scenarios.
Times are milliseconds since the epoch in UTC.
"""

import random
import threading
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from source_kore_llm_logs.reading.fetch import Answer, Body, Fetch
from unit_tests.simulated_answer import answer, entry
from unit_tests.simulated_behaviour import EVERYTHING, PLAIN, Behaviour, Choice, LogRow, ShowsWhatDiffers, parse


@dataclass(frozen=True, repr=False)
class SimulatedBot(ShowsWhatDiffers):
    bot_id: str
    behaviour: Behaviour = PLAIN
    log: tuple[LogRow, ...] = ()


@dataclass(frozen=True, repr=False)
class Scenario(ShowsWhatDiffers):
    """Bots on one server, the time at which a sync begins, and the window `[start, after)` that it has to read."""

    bots: tuple[SimulatedBot, ...]
    now: int
    start: int
    after: int
    choice: Choice = EVERYTHING
    seed: int = 0

    def server(self) -> "SimulatedServer":
        return SimulatedServer(self.bots, self.now, self.seed)


class SimulatedClock:
    """The server's time, in milliseconds; call it to read it. It moves only when a request is made."""

    def __init__(self, now: int, chance: random.Random):
        self._now, self._chance = now, chance

    def __call__(self) -> int:
        return self._now

    def advance(self) -> int:
        self._now += self._chance.randint(50, 3_000)
        return self._now


class Request(NamedTuple):
    bot: str
    at: int
    body: Body
    answer: Answer


class SimulatedServer:
    """Answers requests for its bots and keeps them in `requests`. Thread-safe.

    Raises AssertionError or KeyError at a body that no server should be sent: a date in no known form, no `limit`, a
    negative `skip`.
    """

    def __init__(self, bots: Iterable[SimulatedBot], now: int, seed: int = 0):
        self.bots = {bot.bot_id: bot for bot in bots}
        self._entries = {
            bot_id: [entry(bot.behaviour, bot.bot_id, row) for row in bot.log] for bot_id, bot in self.bots.items()
        }
        self.clock = SimulatedClock(now, random.Random(seed))
        self.requests: list[Request] = []
        self._counts = dict.fromkeys(self.bots, 0)
        self._seed = seed
        self._lock = threading.Lock()

    def fetch(self, bot_id: str) -> Fetch:
        if bot_id not in self.bots:
            raise KeyError(bot_id)
        return partial(self._fetch, bot_id)

    def rows(self, bot_id: str) -> list[LogRow]:
        """All rows that the bot has had so far, or that its log has for later."""
        return [kept.row for kept in self._entries[bot_id]]

    def requests_of(self, bot_id: str) -> list[Request]:
        return [request for request in self.requests if request.bot == bot_id]

    def _fetch(self, bot_id: str, body: Body) -> Answer:
        with self._lock:
            bot, body, number, now = self.bots[bot_id], dict(body), self._counts[bot_id], self.clock.advance()
            self._counts[bot_id] += 1
            chance = random.Random(self._seed * 1_000_003 + zlib.crc32(bot_id.encode()) + number)
            if bot.behaviour.live_rows:
                self._insert_live_rows(bot, number, body, chance)
            present = [kept for kept in self._entries[bot_id] if kept.row.present(number)]
            answered = answer(bot.behaviour, present, body, number, now, chance)
            self.requests.append(Request(bot_id, now, body, answered))
            return answered

    def _insert_live_rows(self, bot: SimulatedBot, number: int, body: Body, chance: random.Random) -> None:
        behaviour, entries = bot.behaviour, self._entries[bot.bot_id]
        inserted = len(entries) - len(bot.log)
        for index in range(inserted, min(inserted + behaviour.live_rows, behaviour.live_total)):
            end = self.clock()
            if behaviour.live_into == "span":
                asked = sorted(parse(body[key])[0] for key in ("dateFrom", "dateTo"))
                end = min(end, chance.randint(*asked))
            row = LogRow(f"live {index}", end - chance.randint(0, 5_000), end, appears=number)
            entries.append(entry(behaviour, bot.bot_id, row))
