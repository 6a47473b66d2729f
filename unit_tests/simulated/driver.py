"""Plays the reader against a simulated server."""

from dataclasses import dataclass, field

from source_kore_llm_logs.reading.bot_log import BotLog, Checkpoint
from source_kore_llm_logs.reading.fetch import Choice
from source_kore_llm_logs.reading.span import Part
from unit_tests.simulated.promise import assert_kept
from unit_tests.simulated.scenario import Scenario, Server, TooManyRequests, row_id


@dataclass
class Played:
    """What came of a scenario: the numbers of the rows yielded, and where the checkpoints came among them."""

    server: Server
    yielded: list[str] = field(default_factory=list)
    checkpoints: list[tuple[int, int]] = field(default_factory=list)
    requests_to_first_checkpoint: int = 0
    error: Exception | None = None

    @property
    def reached(self) -> int:
        return self.checkpoints[-1][1] if self.checkpoints else self.server.scenario.start

    @property
    def rows_received(self) -> int:
        return sum(len(getattr(request.answer, "rows", ())) for request in self.server.requests)


def play(told: Scenario) -> Played:
    """One sync of the scenario, to its end or its error."""
    played = Played(Server(told))
    choice = Choice(told.chosen.filters(), told.chosen.include_developer)
    window = Part(told.start, told.after)
    server = played.server
    ids: list[str] = []
    try:
        for item in BotLog(server.fetch, server.now, window, choice, told.page_size, told.longest_part).read():
            if isinstance(item, Checkpoint):
                played.checkpoints.append((len(ids), item.complete_until))
                played.requests_to_first_checkpoint = played.requests_to_first_checkpoint or len(server.requests)
            elif item is not None:
                ids.append(item.id)
    except TooManyRequests as endless:
        raise AssertionError(str(endless)) from endless
    except Exception as error:
        played.error = error
    numbers = {row_id(row.number): row.number for row in server.log.rows}
    played.yielded = [numbers[one] for one in ids]
    return played


def assert_read(told: Scenario) -> Played:
    """Plays the scenario; every promise is kept."""
    played = play(told)
    assert_kept(played.server, played.yielded, played.checkpoints, played.error)
    return played
