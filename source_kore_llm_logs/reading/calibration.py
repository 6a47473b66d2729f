"""What a server does for one bot, asked before anything is read: `ServerProfile`. What comes after only uses it.

Each question is there for something that the vendor leaves open [U]; in doubt, the log is read in the safer way.

**Bounds are proved** by a call that comes back when only its five minutes are asked for, with no multiple of five
minutes strictly inside the span: a bound that was cut to five minutes or more, at either end, would have hidden it.
Times without a zone need more: rows of the same day, before and after the call, must not come; for then neither another
zone nor a cut to the day gave the call.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

from source_kore_llm_logs.reading.fetch import CannotRead, Choice, Fetch, Page, Row, Scope
from source_kore_llm_logs.reading.questions import OTHER_CHANNELS, SAMPLE, Questions, singles
from source_kore_llm_logs.reading.span import (
    CALL,
    CELL,
    DAY,
    HOUR,
    LONGEST_PART,
    PROVED,
    UNPROVED,
    Part,
    Span,
    cell_around,
)
from source_kore_llm_logs.reading.wording import Wording

LIMITS = (1_000, 500, 250, 200, 100, 50, 20, 10, 5, 2, 1)
BYTES_A_PAGE = 4 * 1024 * 1024
CALLS_TRIED = 2
NOBODY = "nobody-1f0c6a52-not-a-user"
"""A value that no row has."""
DEFAULT_CHANNEL = "rtm"


@dataclass(frozen=True, slots=True)
class ServerProfile:
    """What a server was seen to do for one bot.

    `limit`: the largest known to give rows. `padding`: milliseconds by which requests reach beyond their part.
    `until_now`: no `dateTo` may lie ahead of now. `scopes`: the log is read once in each. `rows`: those that the
    questions showed.
    """

    wording: Wording
    limit: int
    padding: int
    until_now: bool
    scopes: tuple[Scope, ...]
    rows: tuple[Row, ...] = ()

    @property
    def is_proved(self) -> bool:
        return self.padding < UNPROVED

    def __str__(self) -> str:
        if not self.rows and not self.is_proved:
            return f"{self.wording}, no row seen"
        apart = ["developers apart"] if len({scope.developer for scope in self.scopes}) > 1 else []
        apart += ["channels by name"] if len({scope.channels for scope in self.scopes}) > 1 else []
        return (
            f"{self.wording}, bounds {'exact to five minutes' if self.is_proved else 'not proved'}, up to "
            f"{self.limit:,} rows a page, asked for in {len(self.scopes)} {'ways' if apart else 'way'}"
            f"{' (' + ', '.join(apart) + ')' if apart else ''}"
        )


def calibrate(
    fetch: Fetch, now: Callable[[], int], part: Part, choice: Choice, most: int, before: ServerProfile | None = None
) -> ServerProfile:
    """Asks about the 84 days that end with the part, or now; where days so old are refused, about the part. `most`: the
    largest `limit` to ask for. `before`: what was seen in other days; then only scopes are asked about.

    Blocks while it asks. Raises CannotRead for a filter that is ignored, what the last refusal stands for where every
    wording is refused, and what a fault stands for that smaller pages did not mend.
    """
    known = Questions(fetch, now, part.after, choice, most)
    wording = before.wording if before else None
    refusal = known.find_sample(wording)
    if refusal:
        known.length = min(part.length, known.length)
        refusal = known.find_sample(wording)
    if refusal:
        raise refusal.error
    if known.sample:
        _check_filters(known)
    if not known.sample:
        scopes = tuple(replace(scope, developer=choice.include_developer) for scope in known.scopes)
        silent = before or ServerProfile(known.wording, min(SAMPLE, most), UNPROVED, True, scopes)
        return replace(silent, scopes=scopes, rows=())
    bounds = _Bounds(known)
    profile = before
    if profile is None:
        padding = bounds.prove()
        limit = bounds.limit or bounds.answered(known.span, LIMITS)[0] or known.size
        fits = max(1, BYTES_A_PAGE * known.received // max(1, known.bytes))
        until_now = padding < UNPROVED or not _takes_the_future(known)
        profile = ServerProfile(known.wording, min(limit, fits), padding, until_now, ())
    scopes = tuple(_Scopes(known, bounds if profile.is_proved else None).all())
    return replace(profile, scopes=scopes, rows=tuple(row.without_record for row in known.shown.values()))


def _check_filters(known: Questions) -> None:
    """Finds spellings in which every filter takes effect, with a sample of what they choose. Raises CannotRead for a
    filter that the server ignores in each."""
    found = known.wording
    for wording in (found, replace(found, spelling=1 - found.spelling)):
        if wording != found:
            known.find_sample(wording)
        ignored = next((name for name in known.choice.filters if _gives_nobodys(known, name)), None)
        if ignored is None:
            return
    raise CannotRead(
        f"the API ignores the filter `{ignored}`, and gives rows that were not chosen. Remove `{ignored}` from the "
        "configuration, and filter the rows in your warehouse"
    )


def _gives_nobodys(known: Questions, name: str) -> bool:
    """Whether rows come where a value is asked for that no row has."""
    is_text = name == "task_id" or (name == "channels" and isinstance(known.scope.channels, str))
    nobodys: dict[str, Any] = {known.wording.key(name): NOBODY if is_text else [NOBODY]}
    answer = known.ask(known.scope, limit=1, **nobodys)
    return isinstance(answer, Page) and bool(answer.rows)


def _takes_the_future(known: Questions) -> bool:
    now = known.now()
    if known.wording.reach or known.span.date_to < now - UNPROVED:
        return False
    ahead = known.wording.rounded(Span(now - LONGEST_PART, now + UNPROVED), None)
    answer = known.once(known.scope, ahead, 1)
    return isinstance(answer, Page) and bool(answer.rows)


class _Bounds:
    """How bounds are read. `limit`: the largest of all, if a cell came with it; else 0."""

    def __init__(self, known: Questions):
        self._known, self.limit = known, 0

    def prove(self) -> int:
        """The padding that requests need. Sets the wording's offset."""
        wording = self._known.wording
        if wording.dates == "milliseconds":
            return PROVED if any(map(self._is_given, self._cells_shown())) else UNPROVED
        is_alone = wording.dates == "seconds" and any(map(self._is_given_alone, self._cells_shown()))
        return PROVED + HOUR if is_alone else UNPROVED  # An hour more: clocks are set forward and back.

    def cells(self, rows: Iterable[Row]) -> Iterator[tuple[Row, Span]]:
        """The calls of which the whole cell has passed, and the cell; first those that leave most of it for a late
        one."""
        latest = self._known.now()
        for row in sorted(rows, key=lambda row: (row.end or 0) % CELL):
            cell = cell_around(row)
            if cell and cell.date_to < latest:
                yield row, cell

    def answered(self, span: Span, limits: Iterable[int], wording: Wording | None = None) -> tuple[int, list[Row]]:
        """The first of the limits that gives rows, and the rows."""
        known = self._known
        for limit in dict.fromkeys(min(limit, known.most) for limit in limits):
            answer = known.once(known.scope, span, limit, wording)
            if isinstance(answer, Page) and answer.rows:
                return limit, answer.rows
        return 0, []

    def _rows_of(self, cell: Span, wording: Wording) -> list[Row]:
        most = self._known.most
        limit, rows = self.answered(cell, (most, self._known.size), wording)
        self.limit = most if limit == most else self.limit
        return rows

    def _cells_shown(self) -> list[Span]:
        """Of a busy bot, all of the sample may lie in the minutes that are not over; or before, or behind, all that
        another zone would give."""
        known = self._known
        sample, span = known.sample, known.span
        if known.wording.dates == "seconds":
            newest = max((row.time for row in sample if row.time is not None), default=span.date_to)
            until = newest + (-15 * HOUR if newest > span.date_to - DAY else 15 * HOUR)
            others = known.rows(known.scope, Span(until - HOUR, until), 10)
        elif not any(self.cells(sample)):
            others = known.rows(known.scope, span._replace(date_to=min(span.date_to, known.now() - CELL)))
        else:
            others = []
        return [cell for _, cell in islice(chain(self.cells(others), self.cells(sample)), CALLS_TRIED)]

    def _is_given(self, cell: Span) -> bool:
        return any(map(cell.holds, self._rows_of(cell, self._known.wording)))

    def _is_given_alone(self, cell: Span) -> bool:
        """Whether a call of the cell comes, and not with the cells beside it, nor anything from far away: then neither
        another zone nor a cut to the day gave it. Sets the wording's offset."""
        known = self._known
        wording = known.wording
        for _ in range(2):
            rows = self._rows_of(cell, wording)
            if any(map(cell.holds, rows)):
                besides = (self._rows_of(cell.moved(by), wording) for by in (-CELL, CELL))
                if any(map(cell.is_far_from, rows)) or any(
                    cell.holds(row) or cell.is_far_from(row) for row in chain(*besides)
                ):
                    return False
                known.wording = wording
                known.sample = known.rows(known.scope) if wording.offset else known.sample
                return True
            times = [row.time for row in rows if row.time is not None]
            offset = round((cell.date_from - times[0]) / CALL) * CALL if times else 0
            wording = replace(wording, offset=wording.offset + offset)
        return False


class _Scopes:
    """In which scopes a log must be read: in doubt, in all that may be needed. `bounds`: where they are proved."""

    def __init__(self, known: Questions, bounds: _Bounds | None):
        self._known, self._bounds = known, bounds
        self._given = {known.scope: known.sample}
        """The first rows that came in a scope."""

    def all(self) -> list[Scope]:
        known, scopes = self._known, self._known.scopes
        if known.choice.include_developer:
            developers = replace(known.scope, developer=True)
            self._given.setdefault(developers, known.rows(developers, limit=10))
            are_added = self._come(known.sample, developers)
            scopes = [replace(one, developer=True) for one in scopes] + ([] if are_added else scopes)
        sample = known.sample if known.scope.channels is None else []
        if scopes[0].channels is None and all(_channel(row) == DEFAULT_CHANNEL for row in sample):
            return scopes + [other for scope in scopes for other in self._channels_besides(scope)]
        return scopes

    def _come(self, rows: Sequence[Row], scope: Scope) -> bool:
        """Whether some of these rows come in this scope: seen in its first, or asked for, where bounds are proved."""
        if {row.id for row in self._given.get(scope, ())} & {row.id for row in rows}:
            return True
        for call, cell in islice(self._bounds.cells(rows) if self._bounds else (), CALLS_TRIED):
            answer = self._known.once(scope, cell, self._known.size)
            if isinstance(answer, Page) and any(row.id == call.id for row in answer.rows):
                return True
        return False

    def _channels_besides(self, scope: Scope) -> list[Scope]:
        """The scopes that are needed besides this one, which names no channel."""
        listed = replace(scope, channels=OTHER_CHANNELS)
        rows = self._known.rows(listed, limit=10)
        others = [row for row in rows if _channel(row) != DEFAULT_CHANNEL]
        if others and self._come(others, scope):
            return []
        if len(others) == len(rows) and self._is_list_heeded(scope):
            return [listed] if others else []
        return self._one_by_one(scope)

    def _is_list_heeded(self, scope: Scope) -> bool:
        """Whether a list gives rows of the channel that it names last."""
        known = self._known
        default = [row for row in known.shown.values() if _channel(row) == DEFAULT_CHANNEL]
        cell = next((cell for _, cell in (self._bounds.cells(default) if self._bounds else ())), None)
        rows = known.rows(replace(scope, channels=(*OTHER_CHANNELS, DEFAULT_CHANNEL)), cell, known.size)
        return any(_channel(row) == DEFAULT_CHANNEL for row in rows)

    def _one_by_one(self, scope: Scope) -> list[Scope]:
        """Those single channels, in lists of one or as text, that give rows which do not come without asking."""
        for way in singles(scope):
            answers = [(single, self._known.ask(single, limit=1)) for single in way]
            given = [(single, answer.rows) for single, answer in answers if isinstance(answer, Page)]
            if given:
                break
        return [single for single, rows in given if rows and not self._come(rows, scope)]


def _channel(row: Row) -> str:
    return str(row.record.get("channel_name") or "").strip().casefold()
