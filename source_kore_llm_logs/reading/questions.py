"""Small questions to one bot's server, and the first of them: in which wording, and of whom, it gives rows.

What is refused, too large or failing is asked again in smaller pages by `ask`, and not by `once`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

from source_kore_llm_logs.reading.fetch import Answer, Choice, Fetch, Page, Refused, Row, Scope
from source_kore_llm_logs.reading.span import HOUR, LONGEST_PART, SECOND, WIDE_PADDING, Span
from source_kore_llm_logs.reading.wording import FORMS, Wording, wordings

SAMPLE = 50  # Rows that the vendor's sample asks for [D].
# The documented channels besides `rtm`, which leaving `channel` out means at getAnalytics [D].
OTHER_CHANNELS = (
    *("msteams", "twitter", "spark", "facebook", "slack", "kore", "email", "sms", "ringcentral", "jabber", "yammer"),
    *("alexa", "twiliovoice", "telegram", "ivr", "ivrVoice", "smartassist", "line", "liveperson", "googleactions"),
    *("hangoutchat", "mattermost", "rcs"),
)


class Questions:
    """What the answers have shown so far, of the days up to `after`. `most`: the largest `limit` to ask for."""

    def __init__(self, fetch: Fetch, now: Callable[[], int], after: int, choice: Choice, most: int):
        self._fetch, self.now, self._after, self.choice, self.most = fetch, now, after, choice, most
        self.wording = Wording()
        self.scopes = self._ways_to_choose()[0]  # In which all channels that were chosen are asked for.
        self.scope, self.sample = self.scopes[0], tuple[Row, ...]()  # The first rows that came, and in which scope.
        self.shown: dict[str, Row] = {}  # Rows of the sample and of `rows`, by their ids.
        self.size = self.bytes = self.received = 0  # Of `ask`: the last limit, bytes, rows.
        self.ahead = 0  # Milliseconds after now that `dateTo` may lie.
        self._most_at_once = SAMPLE  # To larger limits, no rows may be the answer.
        self._taken: list[tuple[Wording, list[Scope]]] = []
        self._refusal: Refused | None = None  # Of the last try.

    @property
    def span(self) -> Span:
        """84 days that end with what is asked about, or now; and what the widest padding adds."""
        after = min(self._after, self.now())
        date_to = min(after + WIDE_PADDING, self.now() - self.wording.before_now + self.ahead)
        return Span(after - LONGEST_PART - WIDE_PADDING, date_to)

    def once(self, scope: Scope, span: Span, limit: int, wording: Wording | None = None, **other: Any) -> Answer:
        """The answer to one request, whatever it is."""
        wording = wording or self.wording
        return self._fetch(wording.body(wording.rounded(span, self.now()), self.choice, scope, 0, limit, **other))

    def ask(self, scope: Scope, span: Span | None, limit: int, least: int = 1, **other: Any) -> Page | Refused:
        """A page, or a refusal that pages of down to `least` rows did not mend. Raises what a fault stands for."""
        for size in (*dict.fromkeys(min(limit, self.most, self._most_at_once, size) for size in (limit, 10, 1)), 1):
            answer = self.once(scope, span or self.span, size, **other)
            if isinstance(answer, Page):
                self.size, self.bytes, self.received = size, self.bytes + answer.size, self.received + len(answer.rows)
                return answer
            if isinstance(answer, Refused) and size <= least:
                return answer
        assert not isinstance(answer, Page)
        raise answer.error

    def rows(self, scope: Scope, span: Span | None = None, limit: int = SAMPLE) -> tuple[Row, ...]:
        """The rows of an answer, which count as shown; none of a refusal."""
        rows = tuple(self.ask(scope, span, limit).rows)
        self.shown.update((row.id, row) for row in rows)
        return rows

    def find_sample(self, known: Wording | None = None) -> Refused | None:
        """Finds a wording and a scope that give rows: the sample. Without any, the first wording that is taken stays;
        where none is, the last refusal is returned. `known`: the wording to try instead of all."""
        self.sample, self.shown, self._taken, self._most_at_once = (), {}, [], SAMPLE
        for wording, scope, limit in self._tries(known):
            self.wording = wording
            asked = self.now()
            answer = self.ask(scope, None, limit, limit)
            if self.now() < asked - SECOND:  # The answer has set the clock right: what was asked for lay ahead of it.
                answer = self.ask(scope, None, limit, limit)
            self._refusal = answer if isinstance(answer, Refused) else None
            if answer.rows:
                self.scope, self.sample, self._most_at_once = scope, tuple(answer.rows), limit
                self.shown = {row.id: row for row in answer.rows}
                return None
            if not self._refusal:
                self._taken.append((self.wording, self.scopes))
        if self._taken:
            self.wording, self.scopes = self._taken[0]
            self.scope = self.scopes[0]
        return None if self._taken else self._refusal

    def _tries(self, known: Wording | None) -> Iterator[tuple[Wording, Scope, int]]:
        """Wording, scope and `limit`, the likeliest first."""
        for scopes in self._ways_to_choose():
            self.scopes = scopes
            tried = [self._taken[0][0]] if self._taken else [known] if known else list(wordings(self.choice))
            for limit in (SAMPLE, 10, 1):
                refused = list[Wording]()
                for wording in tried:
                    yield from ((wording, scope, limit) for scope in scopes)
                    refused += [wording] if self._refusal and not wording.before_now else []
                    if not wording.before_now and (wording.dates == "day" or self._refusal):
                        tried.append(replace(wording, before_now=36 * HOUR))  # Today may be the server's future.
                tried = refused
        if not self._taken:
            return
        wording, self.scopes = self._taken[0]  # One thing may hide all rows: too large a page, isDeveloper, channel.
        users = self.scopes[0]
        yield from ((wording, users, limit) for limit in (10, 1))
        for dates in FORMS if self.choice.include_developer else ():
            yield replace(wording, dates=dates), replace(users, developer=True), 10
        if users.channels is None:
            yield from ((wording, Scope(one, OTHER_CHANNELS), 10) for one in {False, self.choice.include_developer})
            for single in chain(*one_by_one(users)) if self._refusal else ():
                yield wording, single, 1

    def _ways_to_choose(self) -> tuple[list[Scope], ...]:
        """Users' rows come whatever `isDeveloper` means. Of a list of channels, a server may heed the first alone."""
        channels = self.choice.filters.get("channels")
        return one_by_one(Scope(False), channels) if channels else ([Scope(False)],)


def one_by_one(scope: Scope, channels: Iterable[str] = OTHER_CHANNELS) -> tuple[list[Scope], list[Scope]]:
    """The scope with each channel by itself: in lists of one, and as text."""
    return [replace(scope, channels=(name,)) for name in channels], [replace(scope, channels=name) for name in channels]
