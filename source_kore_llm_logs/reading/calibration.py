"""What a server does for one bot, asked before anything is read: `ServerProfile`. What comes after only uses it.

Each question is there for something that the vendor leaves open [U]; in doubt, the log is read in the safer way.

**Bounds are proved** by a call that comes back when only its five minutes are asked for, with no multiple of five
minutes strictly inside the span: a bound that was cut to five minutes or more, at either end, would have hidden it.
Where no call lies within five minutes, its hour proves as much for an hour. Times without a zone need more: rows of the
same day, before and after the call, must not come; for then neither another zone nor a cut to the day gave the call.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from source_kore_llm_logs.reading.fetch import CannotRead, Choice, Fetch, Page, Refused, Row, Scope
from source_kore_llm_logs.reading.questions import SAMPLE, Questions
from source_kore_llm_logs.reading.span import (
    CALL,
    DAY,
    FIVE_MINUTES,
    HOUR,
    LONGEST_PART,
    UNPROVED,
    Part,
    Span,
    cell_around,
)
from source_kore_llm_logs.reading.wording import Wording, wordings

LIMITS = (1_000, 500, 250, 200, 100, 50, 20, 10, 5, 2, 1)
BYTES_A_PAGE = 4 * 1024 * 1024
CALLS_TRIED = 2
NOBODY = "nobody-1f0c6a52-not-a-user"
"""A value that no row has."""
DEFAULT_CHANNEL = "rtm"
"""What leaving `channel` out means at getAnalytics [D]."""
OTHER_CHANNELS = (
    "msteams", "twitter", "spark", "facebook", "slack", "kore", "email", "sms", "ringcentral", "jabber", "yammer",
    "alexa", "twiliovoice", "telegram", "ivr", "ivrVoice", "smartassist", "line", "liveperson", "googleactions",
    "hangoutchat", "mattermost", "rcs",
)  # fmt: skip
"""The other documented ones [D], at getAnalytics."""


@dataclass(frozen=True, slots=True)
class ServerProfile:
    """What a server was seen to do for one bot.

    `padding`: milliseconds by which requests reach beyond their part; `is_proved`: it rests on a proof; `is_exact`: on
    that by five minutes. `until_now`: no `dateTo` may lie ahead of now. `limit`: the largest known to give rows.
    `scopes`: the log is read once in each. `rows`: those that the questions showed.
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
        if not self.rows and not self.is_proved:
            return f"{self.wording}, no row seen"
        bounds = "bounds exact to five minutes" if self.is_exact else "bounds exact to the hour"
        scopes = "asked for once" if len(self.scopes) == 1 else f"asked for in {len(self.scopes)} ways"
        apart = ["developers apart"] if len({scope.developer for scope in self.scopes}) > 1 else []
        apart += ["channels by name"] if len({scope.channels for scope in self.scopes}) > 1 else []
        return (
            f"{self.wording}, {bounds if self.is_proved else 'bounds not proved'}, up to {self.limit:,} rows a page, "
            f"{scopes}{' (' + ', '.join(apart) + ')' if apart else ''}"
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
    taken = before.wording if before else None
    found = known.find_wording(LONGEST_PART, taken)
    if isinstance(found, Refused):
        found = known.find_wording(min(part.length, LONGEST_PART), taken)
    if isinstance(found, Refused):
        raise found.error
    if not found:
        _find_hidden(known)
    if known.sample:
        _check_filters(known)
    if not known.sample:
        silent = tuple(replace(scope, developer=choice.include_developer) for scope in known.scopes)
        unseen = ServerProfile(known.wording, min(SAMPLE, most), UNPROVED, False, False, True, silent, ())
        return replace(before, scopes=silent, rows=()) if before else unseen
    bounds = _Bounds(known)
    rows = tuple(row.without_record for row in known.shown.values())
    if before:
        scopes = _Scopes(known, bounds if before.is_proved else None).all()
        return replace(before, scopes=tuple(scopes), rows=rows)
    padding = bounds.prove()
    limit = bounds.limit or bounds.largest_limit(known.span)
    is_proved, is_exact = padding < UNPROVED, padding not in (UNPROVED, HOUR + CALL)
    until_now = is_proved or not _takes_the_future(known)
    scopes = _Scopes(known, bounds if is_proved else None).all()
    fits = max(1, BYTES_A_PAGE * known.received // max(1, known.bytes))
    rows = tuple(row.without_record for row in known.shown.values())
    return ServerProfile(
        known.wording, min(limit, fits), padding, is_proved, is_exact, until_now, tuple(scopes), rows
    )  # fmt: skip


def _find_hidden(known: Questions) -> None:
    """No wording gives a row. One thing may hide them all: a page that is too large, `isDeveloper`, `channel`."""
    users, silent = known.scope, known.wording
    everybody = replace(users, developer=known.choice.include_developer)
    if _is_sample(known, users, persists=True):
        return
    for dates in ("milliseconds", "seconds", "day") if everybody != users else ():
        known.wording = replace(silent, dates=dates)
        if _is_sample(known, everybody):
            return
    known.wording = silent
    for scopes in list(known.ways_to_choose())[1:]:
        if any(_is_sample(known, scope) for scope in scopes):
            known.scopes = scopes
            return
    if users.channels is None:
        others = replace(users, channels=OTHER_CHANNELS)
        is_refused = isinstance(known.ask(others, known.span, 1), Refused)
        any(_is_sample(known, scope) for scope in (_Scopes(known, None).one_by_one(users) if is_refused else [others]))


def _is_sample(known: Questions, scope: Scope, persists: bool = False) -> bool:
    """Whether rows come in this scope; they are the sample then."""
    known.sample = known.rows(scope, limit=10, persists=persists)
    known.scope = scope if known.sample else known.scope
    return bool(known.sample)


def _check_filters(known: Questions) -> None:
    """Finds spellings in which every filter takes effect, with a sample of what they choose. Raises CannotRead for a
    filter that the server ignores in each."""
    ways = {(one.user_ids, one.channel_user_ids) for one in wordings(known.choice)}
    current = (known.wording.user_ids, known.wording.channel_user_ids)
    for way in (current, *sorted(ways - {current}, reverse=True)):
        if way != current:
            known.wording = replace(known.wording, user_ids=way[0], channel_user_ids=way[1])
            known.scope = replace(known.scope, developer=False)
            known.shown.clear()
            _find_hidden(known)
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
    answer = known.ask(known.scope, known.span, 1, **nobodys)
    return isinstance(answer, Page) and bool(answer.rows)


def _takes_the_future(known: Questions) -> bool:
    now = known.now()
    if known.wording.reach or known.span.date_to < now - UNPROVED:
        return False
    ahead = known.wording.rounded(Span(now - LONGEST_PART, now + UNPROVED), None)
    answer = known.once(ahead, known.scope, 1, replace(known.wording))
    return isinstance(answer, Page) and bool(answer.rows)


class _Bounds:
    """How bounds are read. `limit`: the largest with which a cell came; None where none did."""

    def __init__(self, known: Questions):
        self._known = known
        self.limit: int | None = None

    def prove(self) -> int:
        """The padding that requests need."""
        dates = self._known.wording.dates
        return UNPROVED if dates == "day" else self._with_zone() if dates == "milliseconds" else self._without_zone()

    def calls(self, rows: Iterable[Row], cell: int = FIVE_MINUTES) -> Iterator[tuple[Row, Span]]:
        """Those of which the whole cell has passed, and the cell; first those that leave most of it for a late one."""
        latest = self._known.now()
        dated = [(row.end % cell, row) for row in rows if row.end is not None]
        for _, row in sorted(dated, key=lambda item: item[0]):
            span = cell_around(row, cell)
            if span and span.date_to < latest:
                yield row, span

    def largest_limit(self, span: Span) -> int:
        """The largest `limit` that gives rows of the span, of which there are some."""
        known = self._known
        for limit in (known.most, *(size for size in LIMITS if size < known.most)):
            answer = known.once(span, known.scope, limit)
            if isinstance(answer, Page) and answer.rows:
                return limit
        return min(known.size, known.most) or 1

    def _with_zone(self) -> int:
        known = self._known
        if not any(self.calls(known.sample)):
            # Of a busy bot, all of the sample may lie in the minutes that are not over.
            known.rows(known.scope, known.span._replace(date_to=min(known.span.date_to, known.now() - FIVE_MINUTES)))
        for _, span in islice(self.calls(known.shown.values()), CALLS_TRIED):
            if any(map(span.holds, self._rows_of(span, known.wording))):
                return FIVE_MINUTES + CALL
        # In one hour of the day, a midnight of the server's zone may lie inside: two hours are asked for.
        hours = {span.date_to % DAY: span for _, span in self.calls(known.shown.values(), HOUR)}
        spans = list(islice(hours.values(), CALLS_TRIED))
        are_given = len(spans) == CALLS_TRIED and all(
            any(map(span.holds, self._rows_of(span, known.wording))) for span in spans
        )
        return HOUR + CALL if are_given else UNPROVED

    def _rows_of(self, span: Span, wording: Wording) -> list[Row]:
        """What is given for the span with the largest `limit`, or with the sample's."""
        known = self._known
        for limit in dict.fromkeys((known.most, known.size)):
            answer = known.once(span, known.scope, limit, wording)
            if isinstance(answer, Page) and answer.rows:
                self.limit = limit if limit == known.most else None
                return answer.rows
        return []

    def _without_zone(self) -> int:
        """Sets the wording's offset."""
        known = self._known
        cell = self._between_others()
        for hours in (3, 6, 14, 21):
            if cell is None:
                self._show_others(hours * HOUR)
                cell = self._between_others()
        wording = known.wording
        for _ in range(2 if cell else 0):
            assert cell is not None
            rows = self._rows_of(cell, wording)
            times = [row.time for row in rows if row.time is not None]
            if any(map(cell.holds, rows)) and not any(map(cell.is_far_from, rows)):
                known.wording = wording
                if wording.offset:
                    known.sample = known.rows(known.scope)
                return FIVE_MINUTES + CALL + HOUR  # An hour more: clocks are set forward and back.
            if not times:
                break
            offset = round((cell.date_from - times[0]) / CALL) * CALL
            wording = replace(wording, offset=wording.offset + offset)
        return UNPROVED

    def _between_others(self) -> Span | None:
        """The cell of a call with known rows on both sides, less than a day apart, each two hours or more away."""
        times = [row.time for row in self._known.shown.values() if row.time is not None]
        for call, span in self.calls(self._known.shown.values()):
            assert call.end is not None
            before = max((time for time in times if time < call.end - 2 * HOUR), default=None)
            after = min((time for time in times if time > call.end + 2 * HOUR), default=None)
            if before is not None and after is not None and after - before < DAY:
                return span
        return None

    def _show_others(self, away: int) -> None:
        """Rows so far before the sample, or after an old one: fifty rows of a busy bot may lie within a minute."""
        known = self._known
        newest = max((row.time for row in known.sample if row.time is not None), default=known.span.date_to)
        at = newest - away if newest > known.span.date_to - DAY else newest + away
        known.rows(known.scope, Span(at - HOUR, at), limit=10)


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
        if isinstance(scopes[0].channels, tuple) and len(scopes[0].channels) > 1:
            return self._split(scopes, scopes[0].channels)
        sample = known.sample if known.scope.channels is None else []
        if scopes[0].channels is None and all(_channel(row) == DEFAULT_CHANNEL for row in sample):
            return scopes + [other for scope in scopes for other in self._channels_besides(scope)]
        return scopes

    def _come(self, rows: Sequence[Row], scope: Scope) -> bool:
        """Whether some of these rows come in this scope: seen in its first, or asked for, where bounds are proved."""
        if {row.id for row in self._given.get(scope, ())} & {row.id for row in rows}:
            return True
        for call, span in islice(self._bounds.calls(rows) if self._bounds else (), CALLS_TRIED):
            answer = self._known.once(span, scope, self._known.size)
            if isinstance(answer, Page) and any(row.id == call.id for row in answer.rows):
                return True
        return False

    def _split(self, scopes: list[Scope], channels: tuple[str, ...]) -> list[Scope]:
        """Of a list of chosen channels, a server may heed the first alone: the list must give the same in any order."""
        known, shown = self._known, {_channel(row) for row in self._known.sample}
        if shown <= {name.strip().casefold() for name in channels}:
            turned = [] if len(shown) > 1 else known.rows(replace(known.scope, channels=channels[::-1]))
            if len(shown) > 1 or {row.id for row in turned} == {row.id for row in known.sample}:
                return scopes
        return [replace(scope, channels=(name,)) for scope in scopes for name in channels]

    def _channels_besides(self, scope: Scope) -> list[Scope]:
        """The scopes that are needed besides this one, which names no channel."""
        listed = replace(scope, channels=OTHER_CHANNELS)
        answer = self._known.ask(listed, self._known.span, 10)
        if isinstance(answer, Page):
            self._known.shown.update((row.id, row) for row in answer.rows)
            others = [row for row in answer.rows if _channel(row) != DEFAULT_CHANNEL]
            if others and self._come(others, scope):
                return []
            if len(others) == len(answer.rows) and self._is_list_heeded(scope):
                return [listed] if others else []
        return self.one_by_one(scope)

    def _is_list_heeded(self, scope: Scope) -> bool:
        """Whether a list gives rows of the channel that it names last."""
        known = self._known
        calls = (
            self._bounds.calls(row for row in known.shown.values() if _channel(row) == DEFAULT_CHANNEL)
            if self._bounds
            else ()
        )
        span = next((span for _, span in calls), None)
        rows = known.rows(replace(scope, channels=(*OTHER_CHANNELS, DEFAULT_CHANNEL)), span, known.size)
        return any(_channel(row) == DEFAULT_CHANNEL for row in rows)

    def one_by_one(self, scope: Scope) -> list[Scope]:
        """Those single channels, in lists of one or as text, that give rows which do not come without asking."""
        needed: list[Scope] = []
        for as_text in (False, True):
            are_taken = False
            for name in OTHER_CHANNELS:
                single = replace(scope, channels=name if as_text else (name,))
                answer = self._known.ask(single, self._known.span, 1)
                are_taken |= isinstance(answer, Page)
                rows = answer.rows if isinstance(answer, Page) else []
                if any(_channel(row) == name.casefold() for row in rows) and not self._come(rows, scope):
                    needed.append(single)
            if are_taken:
                break
        return needed


def _channel(row: Row) -> str:
    return str(row.record.get("channel_name") or "").strip().casefold()
