"""A simulated bot, the window to read and the choice of rows; and the server as the reader sees it.

`Server.fetch` turns what `kore_emulator.simulation` answers into what the reader is given, as the connector's requester
does with what comes over HTTP. The server's clock goes on with every request.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from typing import Any, NamedTuple

from integration_tests.kore_emulator.behaviour import DAY, PLAIN, Behaviour, LogRow, ShowsWhatDiffers, iso
from integration_tests.kore_emulator.simulation import Log, arrivals
from integration_tests.kore_emulator.simulation import answer as simulated_answer
from source_kore_llm_logs.reading.fetch import Answer, Page, Refused, Row, Unavailable

MOST_REQUESTS = 20_000


@dataclass(frozen=True, repr=False)
class Chosen(ShowsWhatDiffers):
    """What a user's config chooses."""

    include_developer: bool = True
    channels: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    task_id: str | None = None
    user_ids: tuple[str, ...] = ()
    channel_user_ids: tuple[str, ...] = ()

    def filters(self) -> dict[str, Any]:
        """The fields of the config that are set."""
        names = ("channels", "feature_names", "user_ids", "channel_user_ids")
        lists = {name: list(getattr(self, name)) for name in names if getattr(self, name)}
        return {**lists, **({"task_id": self.task_id} if self.task_id else {})}


EVERYTHING = Chosen()


@dataclass(frozen=True, repr=False)
class Scenario(ShowsWhatDiffers):
    """One bot on one server, the time at which a sync begins, and the window `[start, after)` that it has to read."""

    behaviour: Behaviour = PLAIN
    log: tuple[LogRow, ...] = ()
    now: int = 0
    start: int = 0
    after: int = 0
    chosen: Chosen = EVERYTHING
    page_size: int | None = None
    longest_part: int = 90 * DAY
    clock_ahead: int = 0  # of the reader's own clock, in milliseconds, until the first answer corrects it
    seed: int = 0


class SimulatedError(Exception):
    """What a refusal or a fault carries as its `error`."""


class TooManyRequests(BaseException):
    """A reader that goes on for ever ends here, whatever it catches."""


class Request(NamedTuple):
    at: int
    body: Mapping[str, Any]
    answer: Answer


@dataclass
class Server:
    """The scenario's server. It keeps what it was asked. Not thread-safe."""

    scenario: Scenario
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log = Log(self.scenario.log)
        self.clock = self.scenario.now
        self._inserted = 0
        self._chance = random.Random(self.scenario.seed)

    def now(self) -> int:
        """What the reader takes for the present."""
        return self.clock + (0 if self.requests else self.scenario.clock_ahead)

    def fetch(self, body: Mapping[str, Any]) -> Answer:
        """Raises AssertionError at a request that no server should be sent, and TooManyRequests."""
        does, number, seed = self.scenario.behaviour, len(self.requests), self.scenario.seed
        if number >= MOST_REQUESTS:
            raise TooManyRequests(f"{MOST_REQUESTS} requests: {does}")
        self.clock += self._chance.randint(50, 3_000)
        if new := arrivals(does, body, self.clock, number, self._inserted, seed):
            self._inserted += len(new)
            self.log = self.log.with_rows(new)
        given = simulated_answer(does, self.log, body, self.clock, number, seed)
        answer: Answer
        if given.status == 200 and not given.is_cut:
            answer = Page([shown(row) for row in given.rows], given.size)
        elif 400 <= given.status < 500 and given.status != 413:
            answer = Refused(SimulatedError(given.words))
        else:
            answer = Unavailable(SimulatedError(given.words))
        self.requests.append(Request(self.clock, dict(body), answer))
        return answer


@cache
def row_id(number: str) -> str:
    """32 hexadecimal digits, as records have them."""
    return blake2b(number.encode(), digest_size=16).hexdigest()


@cache
def shown(row: LogRow) -> Row:
    """The row as an answer holds it: without what only the server knows."""
    record = {
        "id": row_id(row.number),
        "channel_name": row.channel,
        "feature_name": row.feature,
        "task_id": row.task,
        "user_id": row.user,
        "start_date": None if row.start is None else iso(row.start),
        "end_date": None if row.end is None else iso(row.end),
    }
    return Row(record["id"] or "", row.start, row.end, record)
