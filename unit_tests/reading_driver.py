"""Plays the pure reader against a simulated server: several bots, their parts interleaved, as threads would do it."""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import count

from source_kore_llm_logs.reading.bot import Bot
from source_kore_llm_logs.reading.fetch import Answer, Body, Fetch, Page, Row
from source_kore_llm_logs.reading.part import Part
from source_kore_llm_logs.reading.planner import Planner
from source_kore_llm_logs.reading.reader import PartReader
from source_kore_llm_logs.reading.scopes import DOCUMENTED_CHANNELS
from unit_tests.simulated_behaviour import DAY, Choice
from unit_tests.simulated_promise import assert_emitted, assert_requests
from unit_tests.simulated_server import Scenario, SimulatedServer

MOST_REQUESTS = 6_000


class TooManyRequests(BaseException):
    """A reader that goes on for ever ends here, whatever it catches."""


@dataclass
class Reading:
    """What came of one bot."""

    bot: Bot
    planner: Planner
    emitted: list[str] = field(default_factory=list)
    error: Exception | None = None


def identified(fetch: Fetch, names: dict[str, str]) -> Fetch:
    """The same, with ids of 32 hex digits, as records have them; `names` leads back."""

    def known(row: Row) -> Row:
        digits = blake2b(row.id.encode(), digest_size=16).hexdigest()
        names[digits] = row.id
        return replace(row, id=digits)

    requests = count()

    def asked(body: Body) -> Answer:
        if next(requests) > MOST_REQUESTS:
            raise TooManyRequests(body)
        answer = fetch(body)
        return Page([known(row) for row in answer.rows], answer.size) if isinstance(answer, Page) else answer

    return asked


def filters_of(choice: Choice) -> dict[str, object]:
    return {
        "channels": list(choice.channels),
        "feature_names": list(choice.feature_names),
        "task_id": choice.task_id,
        "user_ids": list(choice.user_ids),
        "channel_user_ids": list(choice.channel_user_ids),
    }


def read_all(
    scenario: Scenario, server: SimulatedServer, side_by_side: int = 1, page_size: int | None = None, seed: int = 0
) -> dict[str, Reading]:
    """Reads every bot's window; rows are taken from one part after the other in an order drawn from `seed`."""
    chance, names = random.Random(seed), dict[str, str]()
    readings = {}
    for simulated in scenario.bots:
        fetch = identified(server.fetch(simulated.bot_id), names)
        bot = Bot(
            simulated.bot_id, fetch, server.clock, filters_of(scenario.choice),
            scenario.choice.include_developer_usage, page_size,
        )  # fmt: skip
        planner = Planner(Part(scenario.start, scenario.after))
        planner.side_by_side = side_by_side
        readings[bot.id] = Reading(bot, planner)
    under_way: dict[str, list[Iterator[Row | None]]] = defaultdict(list)
    while True:
        for bot_id, reading in readings.items():
            while reading.error is None and len(under_way[bot_id]) < side_by_side:
                planned = reading.planner.take()
                if planned is None:
                    break
                under_way[bot_id].append(PartReader(reading.bot, reading.planner, planned).rows())
        busy = [bot_id for bot_id, parts in under_way.items() if parts]
        if not busy:
            return readings
        bot_id = chance.choice(busy)
        reading, part = readings[bot_id], chance.choice(under_way[bot_id])
        try:
            row = next(part)
        except StopIteration:
            under_way[bot_id].remove(part)
            continue
        except TooManyRequests as endless:
            raise AssertionError(f"more than {MOST_REQUESTS} requests: {server.bots[bot_id].behaviour}") from endless
        except Exception as error:
            reading.error = error
            under_way[bot_id].clear()
            continue
        if row is not None:
            reading.emitted.append(names[row.id])


def is_beyond_the_questions(scenario: Scenario, server: SimulatedServer, bot_id: str) -> bool:
    """Whether two things hid all rows of a bot from an hourly sync, whose questions are few, or one row from any."""
    does = server.bots[bot_id].behaviour
    hidden = [
        "milliseconds" in does.invalid_forms | does.refused_forms,
        does.future_to == "empty",
        does.developer == "selects",
        does.no_channel == "rtm",
        does.above_limit == "empty",
        does.above_ceiling == "empty",
        all(row.channel not in DOCUMENTED_CHANNELS for row in server.rows(bot_id)),
    ]
    if does.above_bytes == "too large" and any(
        row.size > (does.page_bytes or row.size) - 3 for row in server.rows(bot_id)
    ):
        return True  # A row that no request can show.
    pages = [request.answer.rows for request in server.requests_of(bot_id) if isinstance(request.answer, Page)]
    if does.ties == "paged" and not any(len(page) > 2 for page in pages):
        return True  # Pages so small cannot be made smaller, to see whether the order depends on them.
    shown = [row for request in server.requests_of(bot_id) if "channel" not in request.body
             and isinstance(request.answer, Page) for row in request.answer.rows]  # fmt: skip
    if does.no_channel == "rtm" and does.channel_list != "any":
        # A list that is not heeded is noticed by a channel that was shown.
        hidden.append(True)
        own = [row for row in shown if row.time is not None and scenario.start <= row.time < scenario.after]
        if scenario.after - scenario.start > 80 * DAY or not any(
            row.record["channel_name"] in DOCUMENTED_CHANNELS for row in own
        ):
            return True
    is_short = scenario.after - scenario.start <= DAY
    return is_short and sum(hidden) > 1 and not shown


def assert_read(scenario: Scenario, server: SimulatedServer, readings: dict[str, Reading]) -> None:
    """Every row of every bot once, or an error; no row lost in silence; no request too long."""
    assert_requests(server, MOST_REQUESTS)
    for bot_id, reading in readings.items():
        if is_beyond_the_questions(scenario, server, bot_id):
            continue
        assert_emitted(
            server, bot_id, reading.emitted, scenario.start, scenario.after, scenario.choice, reading.error,
            reading.planner.reached,
        )  # fmt: skip
