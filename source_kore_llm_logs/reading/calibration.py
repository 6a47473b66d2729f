"""A few small questions about one bot's log, and the answers: `ServerProfile`. What comes after only uses them.

Each question is there for something that the vendor leaves open [U]. No answer never means no: what is refused, too
large or empty is asked again in smaller pages, and where nothing tells, the log is read in the safer way.

**Bounds are proved** by a call that comes back when only its five minutes are asked for, with no multiple of five
minutes strictly inside the span: a bound that was cut to five minutes or more, at either end, would have hidden it.
Where no call lies within five minutes, its hour proves as much for an hour. Times without a zone need more: rows of the
same day, before and after the call, must not come; for then neither another zone nor a cut to the day gave the call.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from source_kore_llm_logs.reading.fetch import Answer, CannotRead, Fetch, Page, Refused, Row, TooLarge, Unavailable
from source_kore_llm_logs.reading.span import (
    CALL,
    DAY,
    HOUR,
    LONGEST_PART,
    MINUTE,
    SECOND,
    UNPROVED,
    Span,
    cell_around,
)
from source_kore_llm_logs.reading.wording import (
    DEFAULT_CHANNEL,
    DOCUMENTED_CHANNELS,
    Choice,
    Scope,
    Wording,
    channel_of,
    respelled,
    wordings,
)

SAMPLE = 50
"""Rows that the vendor's sample asks for [D]."""
LIMITS = (1_000, 500, 250, 200, 100, 50, 20, 10, 5, 2, 1)
BYTES_A_PAGE = 4 * 1024 * 1024
FIVE_MINUTES = 5 * MINUTE
CALLS_TRIED = 2
NOBODY = "nobody-1f0c6a52-not-a-user"
"""A value that no row has."""
OTHERS = tuple(name for name in DOCUMENTED_CHANNELS if name != DEFAULT_CHANNEL)


@dataclass(frozen=True, slots=True)
class ServerProfile:
    """What a server was seen to do for one bot.

    `padding`: milliseconds by which requests reach beyond their part. `is_proved`: the padding rests on a proof; `is_exact`: on
    that by five minutes.
    `until_now`: no `dateTo` may lie ahead of now. `limit`: the largest that is known to give rows. `scopes`: the log is
    read once in each. `rows`: those that the questions showed.
    """

    wording: Wording
    limit: int
    padding: int
    is_proved: bool
    is_exact: bool
    until_now: bool
    scopes: tuple[Scope, ...]
    rows: tuple[Row, ...]

    def __str__(self) -> str:
        bounds = f"bounds exact to {(self.padding - CALL >= HOUR and 'the hour') or 'five minutes'}"
        scopes = "one scope" if len(self.scopes) == 1 else f"{len(self.scopes)} scopes"
        return (
            f"{self.wording}, {bounds if self.is_proved else 'bounds not proved'}, "
            f"up to {self.limit:,} rows a page, read in {scopes}"
            f"{'' if self.rows else ', no row seen'}"
        )


def calibrate(fetch: Fetch, now: Callable[[], int], after: int, choice: Choice, most: int) -> ServerProfile:
    """Asks about the 84 days that end at `after`, or now. `most`: the largest `limit` to ask for.

    Blocks while it asks. Raises CannotRead where a log cannot be read whole, what the last refusal stands for where
    every wording is refused, and what a fault stands for that smaller pages did not mend.
    """
    return _Calibration(fetch, now, after, choice, most).profile()


def first_answer(fetch: Fetch, now: Callable[[], int], choice: Choice) -> None:
    """Asks for one row of the last minute, in one wording after the other while it is refused. Raises what the last
    refusal, or a fault, stands for."""
    scope = Scope(choice.include_developer, tuple(choice.channels) or None)
    for wording in wordings(choice):
        latest = now()
        span = wording.rounded(Span(latest - MINUTE, latest), latest)
        answer = fetch(wording.body(span, choice, scope, 0, 1))
        if not isinstance(answer, Refused):
            break
    if not isinstance(answer, Page):
        raise answer.error


class _Calibration:
    """The questions to one bot, in their order. What is known so far is in its fields."""

    def __init__(self, fetch: Fetch, now: Callable[[], int], after: int, choice: Choice, most: int):
        self._fetch, self._now, self._after, self._choice, self._most = fetch, now, after, choice, most
        self.span = self._stretch()
        self.wording = Wording()
        self.scope = Scope(choice.include_developer, tuple(choice.channels) or None)
        """In which the sample came."""
        self.scopes = [self.scope]
        self.rows: dict[str, Row] = {}
        self.sample: list[Row] = []
        self._size = self._bytes = self._received = 0
        self.is_proved = self.is_exact = False

    def profile(self) -> ServerProfile:
        if not self.find_wording():
            self._find_hidden()
        if not self.sample:
            return ServerProfile(
                self.wording, min(SAMPLE, self._most), UNPROVED, False, False, True, tuple(self.scopes), ()
            )
        self._check_filters()
        padding, limit = UNPROVED, None
        if self.wording.dates == "milliseconds":
            padding, limit = self._prove()
        elif self.wording.dates == "seconds":
            padding, limit = self._prove_without_zone()
        until_now = self.is_proved or not self._takes_the_future()
        limit = limit or self._largest_limit(self.span)
        self._find_scopes()
        fits = max(1, BYTES_A_PAGE * self._received // max(1, self._bytes))
        return ServerProfile(
            self.wording, min(limit, fits), padding, self.is_proved, self.is_exact, until_now,
            tuple(self.scopes), tuple(self.rows.values()),
        )  # fmt: skip

    def _stretch(self, reach: int = 0) -> Span:
        """What questions ask about: 84 days, and what the widest padding adds, up to `reach` before now."""
        after = min(self._after, self._now())
        return Span(after - LONGEST_PART - UNPROVED, min(after + UNPROVED, self._now() - reach))

    # Asking

    def _ask(
        self, scope: Scope, span: Span | None = None, limit: int = SAMPLE, skip: int = 0, wording: Wording | None = None,
        persists: bool = False, **other: Any,
    ) -> Answer:  # fmt: skip
        """The answer; smaller pages are asked for where it is a refusal or a fault, or empty where `persists`."""
        wording, span = wording or self.wording, span or self.span
        span = wording.rounded(span, self._now())
        answer: Answer | None = None
        for size in dict.fromkeys(min(limit, self._most, size) for size in (limit, 10, 1)):
            body = wording.body(span, self._choice, scope, skip, size, **other)
            again = self._fetch(body)
            if isinstance(again, TooLarge | Unavailable):
                again = self._fetch(body)
            if isinstance(again, Page) or not isinstance(answer, Page | Refused):
                answer = again
            if isinstance(again, Page):
                self._size = size
                self._bytes, self._received = self._bytes + again.size, self._received + len(again.rows)
                if again.rows or not persists:
                    break
        assert answer is not None
        return answer

    def _rows(self, scope: Scope, span: Span | None = None, **how: Any) -> list[Row]:
        """The rows of an answer; none where it is a refusal. Raises what a fault stands for."""
        answer = self._ask(scope, span, **how)
        if isinstance(answer, Page):
            self.rows.update((row.id, row) for row in answer.rows)
            return answer.rows
        if isinstance(answer, Refused):
            return []
        raise answer.error

    # Wording

    def find_wording(self) -> bool:
        """Whether some wording gives rows; the wording and the sample are then set. Else the wording is one that is
        taken. Raises what the last refusal stands for if none is."""
        refusal: Refused | None = None
        for scopes in self._chosen_scopes():
            silent: list[Wording] = []
            for wording in self._wordings():
                found = self._try(scopes, wording)
                if isinstance(found, Refused):
                    refusal = found
                elif found:
                    return True
                else:
                    silent.append(wording)
            if silent:
                self.span = self._stretch()
                self.scopes, self.scope, self.wording = scopes, scopes[0], silent[0]
                return False
        assert refusal is not None
        raise refusal.error

    def _wordings(self) -> Iterator[Wording]:
        """All, and those which do not tell the time for the days that have passed in every zone."""
        yield from wordings(self._choice)
        for wording in wordings(self._choice):
            if wording.dates != "milliseconds":
                yield replace(wording, reach=36 * HOUR)

    def _chosen_scopes(self) -> Iterator[list[Scope]]:
        """How the chosen channels may be asked for: in a list, in lists of one, as text."""
        developer, channels = self._choice.include_developer, tuple(self._choice.channels)
        yield [Scope(developer, channels or None)]
        if len(channels) > 1:
            yield [Scope(developer, (name,)) for name in channels]
        if channels:
            yield [Scope(developer, name) for name in channels]

    def _try(self, scopes: list[Scope], wording: Wording) -> Refused | bool:
        answer: Answer = Page([], 0)
        for scope in scopes:
            span, asked = self._stretch(wording.reach), self._now()
            answer = self._ask(scope, span, wording=wording)
            if self._now() < asked - SECOND:
                # The answer's date has set the clock right: what was asked for lay ahead of the server's now.
                span = self._stretch(wording.reach)
                answer = self._ask(scope, span, wording=wording)
            if isinstance(answer, Page) and answer.rows:
                self.scopes, self.scope, self.wording = scopes, scope, wording
                self.sample, self.span = answer.rows, span
                self.rows = {row.id: row for row in answer.rows}
                return True
            if not isinstance(answer, Page | Refused):
                raise answer.error
        return answer if isinstance(answer, Refused) else False

    def _find_hidden(self) -> None:
        """No wording gives a row. One thing may hide them all: a page that is too large, `isDeveloper`, `channel`."""
        main = self.scopes[0]
        trials = [main]
        if main.developer:
            trials.append(replace(main, developer=False))
        if main.channels is None:
            trials.append(replace(main, channels=OTHERS))
        for scope in trials:
            rows = self._rows(scope, persists=scope is main)
            if rows:
                self.scope, self.sample = scope, rows
                break

    # What rows show

    def _check_filters(self) -> None:
        """Raises CannotRead for a filter that the server ignores in each of its spellings."""
        for name in self._choice.filters:
            nobody = NOBODY if name == "task_id" or isinstance(self.scope.channels, str) else [NOBODY]
            if not self._is_given(name, nobody):
                continue
            other = respelled(self.wording, name)
            if other is not None:
                self.wording = other
                if not self._is_given(name, nobody):
                    self.sample = self._rows(self.scope)
                    self.rows = {row.id: row for row in self.sample}
                    continue
            raise CannotRead(
                f"the API ignores the filter `{name}`, and gives rows that were not chosen. Remove `{name}` from the "
                "configuration, and filter the rows in your warehouse"
            )

    def _is_given(self, name: str, value: object) -> bool:
        nobodys: dict[str, Any] = {self.wording.key(name): value}
        answer = self._ask(self.scope, limit=1, **nobodys)
        if isinstance(answer, Page | Refused):
            return isinstance(answer, Page) and bool(answer.rows)
        raise answer.error

    # Bounds

    def _prove(self) -> tuple[int, int | None]:
        """The padding, and the largest `limit` if that was seen besides."""
        if not any(self._calls(self.sample, FIVE_MINUTES)):
            # Of a busy bot, all of the sample may lie in the minutes that are not over.
            self._rows(self.scope, Span(self.span.date_from, min(self.span.date_to, self._now() - FIVE_MINUTES)))
        for cell in (FIVE_MINUTES, HOUR):
            for call in islice(self._calls(self.rows.values(), cell), CALLS_TRIED):
                limit = self._comes_back(call, cell)
                if limit:
                    self.is_proved, self.is_exact = True, cell == FIVE_MINUTES
                    return cell + CALL, limit
        return UNPROVED, None

    def _calls(self, rows: Iterable[Row], cell: int) -> Iterator[Row]:
        """Those of which the whole cell has passed, first those that leave most of it for a late entry."""
        latest = self._now()
        dated = [(row.end % cell, row) for row in rows if row.end is not None]
        for _, row in sorted(dated, key=lambda item: item[0]):
            span = cell_around(row, cell)
            if span and span.date_to < latest:
                yield row

    def _comes_back(self, call: Row, cell: int) -> int:
        """The largest `limit` with which rows of the call's cell come when that is asked for; 0 if none come."""
        span = cell_around(call, cell)
        assert span is not None
        rows, limit = self._rows_of(span, self.wording)
        if not any(map(span.holds, rows)):
            return 0
        return limit if limit == self._most else self._largest_limit(span)

    def _rows_of(self, span: Span, wording: Wording) -> tuple[list[Row], int]:
        """The rows that are given for the largest `limit`, or else for the sample's; and that `limit`."""
        for limit in dict.fromkeys((self._most, self._size)):
            answer = self._ask_once(span, limit, wording)
            if isinstance(answer, Page) and answer.rows:
                return answer.rows, limit
        return [], 0

    def _ask_once(self, span: Span, limit: int, wording: Wording | None = None, scope: Scope | None = None) -> Answer:
        wording = wording or self.wording
        span = wording.rounded(span, self._now())
        return self._fetch(wording.body(span, self._choice, scope or self.scope, 0, limit))

    def _largest_limit(self, span: Span) -> int:
        """The largest `limit` that gives rows of the span, of which there are some."""
        for limit in (self._most, *(size for size in LIMITS if size < self._most)):
            answer = self._ask_once(span, limit)
            if isinstance(answer, Page) and answer.rows:
                return limit
        return min(self._size, self._most) or 1

    def _prove_without_zone(self) -> tuple[int, int | None]:
        """As `_prove`; sets the wording's offset. Rows on both sides of the call must be known, and must not come."""
        call = self._between(self.rows.values())
        for hours in (7, 14, 21):
            if call is None:
                call = self._between(self._rows_besides(hours * HOUR))
        if call is None:
            return UNPROVED, None
        span = cell_around(call, FIVE_MINUTES)
        assert span is not None
        wording = self.wording
        for _ in range(2):
            rows, limit = self._rows_of(span, wording)
            times = [row.time for row in rows if row.time is not None]
            if any(map(span.holds, rows)) and not any(map(span.is_far_from, rows)):
                self.wording, self.is_proved, self.is_exact = wording, True, True
                if wording.offset:
                    self.sample = self._rows(self.scope)
                limit = limit if limit == self._most else self._largest_limit(span)
                return FIVE_MINUTES + CALL + HOUR, limit  # An hour more: clocks are set forward and back.
            if not times:
                break
            offset = round((span.date_from - times[0]) / CALL) * CALL
            wording = replace(wording, offset=wording.offset + offset)
        return UNPROVED, None

    def _between(self, rows: Iterable[Row]) -> Row | None:
        """A call that has known rows on both sides, less than a day apart and two hours or more away."""
        times = sorted(row.time for row in rows if row.time is not None)
        for call in self._calls(rows, FIVE_MINUTES):
            assert call.end is not None
            before = max((time for time in times if time < call.end - 2 * HOUR), default=None)
            after = min((time for time in times if time > call.end + 2 * HOUR), default=None)
            if before is not None and after is not None and after - before < DAY:
                return call
        return None

    def _rows_besides(self, away: int) -> Collection[Row]:
        """All rows that are known, and some so far before the sample, or after an old one: fifty rows of a busy bot may
        lie within a minute."""
        newest = max((row.time for row in self.sample if row.time is not None), default=self.span.date_to)
        at = newest - away if newest > self.span.date_to - DAY else newest + away
        self._rows(self.scope, Span(at - HOUR, at), limit=10)
        return self.rows.values()

    def _takes_the_future(self) -> bool:
        ahead = Span(self._now() - LONGEST_PART, self._now() + UNPROVED)
        if self.wording.reach or self.span.date_to < self._now() - UNPROVED:
            return False
        wording = self.wording
        answer = self._fetch(wording.body(wording.rounded(ahead, None), self._choice, self.scope, 0, 1))
        return isinstance(answer, Page) and bool(answer.rows)

    # Scopes

    def _find_scopes(self) -> None:
        """In which scopes the log must be read. In doubt, in every one that may be needed."""
        main = self.scopes[0]
        if main.developer:
            users = self._rows(replace(self.scope, developer=False), limit=10)
            if users and not self._come(users, replace(self.scope, developer=True)):
                self.scopes += [replace(scope, developer=False) for scope in self.scopes]
        if len(self._choice.channels) > 1:
            self._split_list()
        elif main.channels is None and all(channel_of(row) == DEFAULT_CHANNEL for row in self._sample_of_all()):
            self.scopes += [other for scope in tuple(self.scopes) for other in self._channels_besides(scope)]

    def _sample_of_all(self) -> list[Row]:
        """The sample, if it came without naming channels."""
        return self.sample if self.scope.channels is None else []

    def _come(self, rows: Sequence[Row], scope: Scope) -> bool:
        """Whether some of these rows come in this scope: seen in the sample, or asked for, where bounds are proved."""
        if scope == self.scope and {row.id for row in self.sample} & {row.id for row in rows}:
            return True
        for call in islice(self._calls(rows, FIVE_MINUTES), CALLS_TRIED if self.is_proved else 0):
            span = cell_around(call, FIVE_MINUTES)
            assert span is not None
            answer = self._ask_once(span, self._size, scope=scope)
            if isinstance(answer, Page) and any(row.id == call.id for row in answer.rows):
                return True
        return False

    def _split_list(self) -> None:
        """Of a list of chosen channels, a server may heed the first alone: the list must give the same in any order."""
        main = self.scopes[0]
        if not isinstance(main.channels, tuple) or len({channel_of(row) for row in self.sample}) > 1:
            return
        turned = self._rows(replace(self.scope, channels=main.channels[::-1]))
        if {row.id for row in turned} != {row.id for row in self.sample}:
            self.scopes = [replace(scope, channels=(name,)) for scope in self.scopes for name in main.channels]

    def _channels_besides(self, scope: Scope) -> list[Scope]:
        """The scopes that are needed besides this one, which names no channel."""
        listed = replace(scope, channels=OTHERS)
        answer = self._ask(listed, limit=10)
        if isinstance(answer, Page):
            self.rows.update((row.id, row) for row in answer.rows)
            if answer.rows and self._come(answer.rows, scope):
                return []
            if self._is_list_heeded(scope):
                return [listed] if answer.rows else []
        elif not isinstance(answer, Refused):
            raise answer.error
        return self._channels_one_by_one(scope)

    def _is_list_heeded(self, scope: Scope) -> bool:
        """Whether a list gives rows of the channel that it names last."""
        known = [row for row in self.rows.values() if channel_of(row) == DEFAULT_CHANNEL]
        span = next((cell_around(row, FIVE_MINUTES) for row in self._calls(known, FIVE_MINUTES)), None)
        rows = self._rows(
            replace(scope, channels=(*OTHERS, DEFAULT_CHANNEL)), span if self.is_proved else None, limit=self._size
        )
        return any(channel_of(row) == DEFAULT_CHANNEL for row in rows)

    def _channels_one_by_one(self, scope: Scope) -> list[Scope]:
        """Those single channels, in lists of one or as text, that give rows which do not come without asking."""
        for as_text in (False, True):
            needed, are_taken = [], False
            for name in OTHERS:
                single = replace(scope, channels=name if as_text else (name,))
                answer = self._ask(single, limit=1)
                if not isinstance(answer, Page | Refused):
                    raise answer.error
                rows = answer.rows if isinstance(answer, Page) else []
                are_taken = are_taken or isinstance(answer, Page)
                if any(channel_of(row) == name.casefold() for row in rows) and not self._come(rows, scope):
                    needed.append(single)
            if are_taken:
                return needed
        return []
