"""Small questions to one bot's server: how one is asked, and the first of them, which wording gives rows.

No answer never means no: what is refused, too large or failing is asked again, and in smaller pages.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from source_kore_llm_logs.reading.fetch import Answer, Choice, Fetch, Page, Refused, Row, Scope, TooLarge, Unavailable
from source_kore_llm_logs.reading.span import HOUR, LONGEST_PART, MINUTE, SECOND, UNPROVED, Span
from source_kore_llm_logs.reading.wording import Wording, wordings

SAMPLE = 50
"""Rows that the vendor's sample asks for [D]."""


class Questions:
    """What is known of the server so far. `after`: the end of what is asked about. `most`: the largest `limit` to ask
    for."""

    def __init__(self, fetch: Fetch, now: Callable[[], int], after: int, choice: Choice, most: int):
        self._fetch, self.now, self._after, self.choice, self.most = fetch, now, after, choice, most
        self.wording = Wording()
        self._length = LONGEST_PART
        self.span = self._stretch()
        # Users' rows come whatever `isDeveloper` means, and nearly every bot has some.
        self.scope = Scope(False, tuple(choice.channels) or None)
        """In which the sample came."""
        self.scopes = [self.scope]
        """In which all channels that were chosen are asked for."""
        self.sample: list[Row] = []
        self.shown: dict[str, Row] = {}
        """All rows that came and are chosen, by their ids."""
        self.size = self.bytes = self.received = 0
        """The last `limit` that was answered; of all pages, bytes and rows."""

    def _stretch(self, reach: int = 0) -> Span:
        """84 days, or less, and what the widest padding adds, up to `reach` before now."""
        after = min(self._after, self.now())
        return Span(after - self._length - UNPROVED, min(after + UNPROVED, self.now() - reach))

    def once(self, span: Span, scope: Scope, limit: int, wording: Wording | None = None, **other: Any) -> Answer:
        """The answer to one request, whatever it is."""
        wording = wording or self.wording
        return self._fetch(wording.body(wording.rounded(span, self.now()), self.choice, scope, 0, limit, **other))

    def ask(self, scope: Scope, span: Span, limit: int, persists: bool = False, **other: Any) -> Page | Refused:
        """A page, or a refusal that smaller pages did not mend; where it `persists`, they are asked for behind an empty
        one, too. Raises what a fault stands for."""
        kept: Answer | None = None
        for size in dict.fromkeys(min(limit, self.most, smaller) for smaller in (limit, 10, 1)):
            answer = self.once(span, scope, size, **other)
            if isinstance(answer, TooLarge | Unavailable):
                answer = self.once(span, scope, size, **other)
            if isinstance(answer, Page) or not isinstance(kept, Page | Refused):
                kept = answer
            if isinstance(answer, Page):
                self.size, self.bytes, self.received = size, self.bytes + answer.size, self.received + len(answer.rows)
                if answer.rows or not persists:
                    break
        if persists and isinstance(answer, TooLarge | Unavailable):
            raise answer.error  # There may be rows which no page can hold.
        if isinstance(kept, Page | Refused):
            return kept
        assert kept is not None
        raise kept.error

    def rows(self, scope: Scope, span: Span | None = None, limit: int = SAMPLE, persists: bool = False) -> list[Row]:
        """The rows of an answer, which count as shown; none of a refusal."""
        answer = self.ask(scope, span or self.span, limit, persists)
        rows = answer.rows if isinstance(answer, Page) else []
        self.shown.update((row.id, row) for row in rows)
        return rows

    def find_wording(self, length: int, taken: Wording | None) -> bool | Refused:
        """Whether some wording gives rows of so many milliseconds: it is known then, and the sample. Else it is one
        that is taken; or, where none is, the last refusal. `taken`: the only one to try."""
        self._length, refusal = length, Refused("", ValueError())
        for scopes in self.ways_to_choose():
            silent: list[Wording] = []
            trials = [taken] if taken else list(wordings(self.choice))
            for wording in trials:
                self.wording = wording
                answer = self._sample_of(scopes)
                if isinstance(answer, Page) and answer.rows:
                    return True
                if isinstance(answer, Refused):
                    refusal = answer
                else:
                    silent.append(wording)
                if not wording.reach and (wording.dates == "day" or isinstance(answer, Refused)):
                    # To a server that does not read the zone, today may be the future.
                    trials.append(replace(wording, reach=36 * HOUR))
            if silent:
                self.wording, self.span, self.scopes, self.scope = silent[0], self._stretch(), scopes, scopes[0]
                return False
        return refusal

    def ways_to_choose(self) -> Iterator[list[Scope]]:
        """Chosen channels in a list, in lists of one, as text."""
        channels = tuple(self.choice.channels)
        yield [replace(self.scope, channels=channels or None)]
        if channels:
            yield [replace(self.scope, channels=(name,)) for name in channels]
            yield [replace(self.scope, channels=name) for name in channels]

    def _sample_of(self, scopes: list[Scope]) -> Page | Refused:
        """The first page with rows that one of the scopes gives, which is then the sample; or the last answer."""
        for scope in scopes:
            self.span, asked = self._stretch(self.wording.reach), self.now()
            answer = self.ask(scope, self.span, SAMPLE)
            if self.now() < asked - SECOND:
                # The answer's date has set the clock right: what was asked for lay ahead of the server's now.
                self.span = self._stretch(self.wording.reach)
                answer = self.ask(scope, self.span, SAMPLE)
            if isinstance(answer, Page) and answer.rows:
                self.scopes, self.scope, self.sample = scopes, scope, answer.rows
                self.shown = {row.id: row for row in answer.rows}
                break
        return answer


def first_answer(fetch: Fetch, now: Callable[[], int], choice: Choice) -> None:
    """Asks for one row of the last minute, in one wording after the other while it is refused. Raises what the last
    refusal, or a fault, stands for."""
    questions = Questions(fetch, now, now(), choice, 1)
    for wording in wordings(choice):
        answer = questions.once(Span(now() - MINUTE, now()), questions.scope, 1, wording)
        if not isinstance(answer, Refused):
            break
    if not isinstance(answer, Page):
        raise answer.error
