"""What a server does for one bot, asked before anything is read: `ServerProfile`. What comes after only uses it.

**Bounds are proved** by a call that comes back when only its five minutes are asked for, with no multiple of five
minutes strictly inside the span: a bound that was cut to five minutes or more, at either end, would have hidden it.
And it must not come with the five minutes before or after, nor what is far away: then no other zone or day gave it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, compress, islice
from typing import Any

from source_kore_llm_logs.reading.fetch import CannotRead, Choice, Fetch, Page, Row, Scope
from source_kore_llm_logs.reading.questions import OTHER_CHANNELS, SAMPLE, Questions, one_by_one
from source_kore_llm_logs.reading.span import DAY, FIVE_MINUTES, HOUR, PADDING, QUARTER, USUAL_CALL, WIDE_PADDING, Span
from source_kore_llm_logs.reading.wording import SPELLINGS, Wording

LIMITS = (1_000, 500, 250, 200, 100, 50, 20, 10, 5, 2, 1)
BYTES_A_PAGE = 4 * 1024 * 1024
CALLS_TRIED = 2
NOBODY = "nobody-1f0c6a52-not-a-user"  # A value that no row has.
DEFAULT_CHANNEL = "rtm"


@dataclass(frozen=True, slots=True)
class ServerProfile:
    """What a server was seen to do for one bot."""

    wording: Wording
    limit: int  # The largest known to give rows, of at most some megabytes.
    padding: int  # Milliseconds by which requests reach beyond their part.
    until_now: bool  # No `dateTo` is sent that lies ahead of now.
    scopes: tuple[Scope, ...]  # The log is read once in each.
    rows: tuple[Row, ...] = ()  # Some of the log's, without their records.


def calibrate(
    fetch: Fetch, now: Callable[[], int], after: int, choice: Choice, most: int, before: ServerProfile | None = None
) -> ServerProfile:
    """Asks about the 84 days up to `after`, or now, for at most `most` rows. `before`: what other days showed; then not
    about bounds and `limit`. Blocks while it asks. Raises CannotRead for a filter that is ignored, and what a refusal
    of every wording, or a fault of every page, stands for."""
    asked = _Calibration(fetch, now, after, choice, most)
    if refusal := asked.find_sample(before.wording if before else None):
        raise refusal.error
    asked.check_filters()
    if not asked.sample:
        scopes = tuple(replace(scope, developer=choice.include_developer) for scope in asked.scopes)
        silent = before or ServerProfile(asked.wording, min(SAMPLE, most), WIDE_PADDING, True, scopes)
        return replace(silent, rows=())
    profile = before or asked.profile()
    scopes = tuple(asked.scopes_needed(profile.padding < WIDE_PADDING))
    return replace(profile, scopes=scopes, rows=tuple(row._replace(record={}) for row in asked.shown.values()))


class _Calibration(Questions):
    """The questions after the first."""

    limit = 0  # The largest that gave rows.
    _is_list_heeded = False

    def check_filters(self) -> None:
        """Finds the spelling in which every filter takes effect, with a sample of what they choose. Raises CannotRead
        for a filter that the server ignores in both."""
        for _ in range(2):
            ignored = [name for name in self.choice.filters if self.sample and self._is_ignored(name)]
            if not ignored:
                return
            if self.find_sample(replace(self.wording, spelling=1 - self.wording.spelling)):
                break
        raise CannotRead(
            f"the API ignores the filter `{ignored[0]}`, and gives rows that were not chosen. Remove `{ignored[0]}` "
            "from the configuration, and filter the rows in your warehouse"
        )

    def _is_ignored(self, name: str) -> bool:
        """Whether rows come where a value is asked for that no row has."""
        is_text = name == "task_id" or (name == "channels" and isinstance(self.scope.channels, str))
        other: dict[str, Any] = {SPELLINGS[name][self.wording.spelling]: NOBODY if is_text else [NOBODY]}
        return bool(self.ask(self.scope, None, 1, **other).rows)

    def profile(self) -> ServerProfile:
        """Without scopes and rows."""
        is_proved = self.wording.dates != "day" and any(map(self._is_given_alone, self._calls_shown()))
        if self.limit < self.most:
            self._given_of(self.span, LIMITS)
        fits = max(1, BYTES_A_PAGE * self.received // max(1, self.bytes))
        is_in_utc = self.wording.dates == "milliseconds" and not self.wording.offset
        padding = (PADDING if is_in_utc else PADDING + HOUR) if is_proved else WIDE_PADDING  # An hour: daylight saving.
        is_over = self.wording.before_now or self.span.date_to < self.now() - WIDE_PADDING
        ahead = self.wording.rounded(Span(self.now() - 80 * DAY, self.now() + WIDE_PADDING), None)
        until_now = bool(is_proved or is_over or not self._given_of(ahead, (1,)))
        self.ahead = 0 if until_now else WIDE_PADDING
        self.sample = self.sample if until_now else self.rows(self.scope)  # The first may show none of today's.
        return ServerProfile(self.wording, min(self.limit or self.size, fits), padding, until_now, ())

    def _calls(self, rows: Iterable[Row]) -> Iterator[tuple[Row, Span]]:
        """The calls whose five minutes, and the five after, are over, with these; first those farthest from an end."""
        latest = self.now()
        for row in sorted(rows, key=lambda row: (row.end or 0) % FIVE_MINUTES):
            minutes = Span.five_minutes_around(row)
            if minutes and minutes.date_to + FIVE_MINUTES < latest:  # A `dateTo` ahead of now may be refused.
                yield row, minutes

    def _calls_shown(self) -> list[Span]:
        """The minutes of a few calls. Those of the sample may not be over, or where another zone gives nothing."""
        span, others = self.span, tuple[Row, ...]()
        newest = self._newest = max((row.time for row in self.sample if row.time is not None), default=span.date_to)
        if self.wording.dates == "seconds":
            away = (self.rows(self.scope, Span(newest + by - HOUR, newest + by), 10) for by in (-27 * HOUR, 15 * HOUR))
            others = next(filter(None, away), ())
        elif not any(self._calls(self.sample)):
            others = self.rows(self.scope, span._replace(date_to=min(span.date_to, self.now() - 2 * FIVE_MINUTES)))
        return [minutes for _, minutes in islice(chain(self._calls(others), self._calls(self.sample)), CALLS_TRIED)]

    def _given_of(self, span: Span, limits: Iterable[int] = (), wording: Wording | None = None) -> Sequence[Row]:
        """The rows of the first of the limits that gives some: by default of the largest, and the last answered."""
        for limit in dict.fromkeys(min(limit, self.most) for limit in limits or (self.most, self.size)):
            if rows := self.once(self.scope, span, limit, wording).rows:
                self.limit = max(self.limit, limit)
                return rows
        return ()

    def _is_given_alone(self, minutes: Span) -> bool:
        """Whether a call of the minutes comes, but not with those beside it, nor what is far away. Sets the offset."""
        wording = self.wording
        for _ in range(2):
            rows = self._given_of(minutes, wording=wording)
            times = [row.time - minutes.date_from for row in rows if row.time is not None]
            if any(map(minutes.holds, rows)):
                sides = [Span(minutes.date_from + by, minutes.date_to + by) for by in (-FIVE_MINUTES, FIVE_MINUTES)]
                answers = [self.once(self.scope, side, self.limit, wording) for side in sides]
                beside = [row for answer in answers for row in answer.rows]
                times += [row.time - minutes.date_from for row in beside if row.time is not None]
                is_known = self.limit >= 10 and all(isinstance(answer, Page) for answer in answers)
                is_beside = {row.id for row in rows} & {row.id for row in beside}
                if not is_known or is_beside or any(abs(time) > 2 * FIVE_MINUTES + USUAL_CALL for time in times):
                    return False
                self.wording = wording
                self.sample = self.rows(self.scope) if wording.offset else self.sample
                return True
            away = times[0] if times else self._newest - self.now()  # Ahead of UTC, a server hides the last hours.
            quarters = round(away / QUARTER) if abs(away) < 15 * HOUR else 0
            wording = replace(wording, offset=wording.offset - quarters * QUARTER)
        return False

    def scopes_needed(self, are_bounds_proved: bool) -> list[Scope]:
        """In which the log must be read: in doubt, all that may be needed."""
        self._are_bounds_proved, scopes = are_bounds_proved, self.scopes
        self._given: dict[Scope, Sequence[Row]] = {self.scope: self.sample}
        if self.choice.include_developer:
            developers = replace(self.scope, developer=True)
            rows = self._given.setdefault(developers, self.rows(developers))
            ids = [row.id for row in rows]
            absent = tuple(row for row in self.sample if row.id not in ids)
            rest = self.sample[: len(self.sample) - len(absent)]
            is_prefix = not absent or (rest + absent == self.sample and len(rows) == self.size)
            is_pushed_out = [row.id for row in rest] == ids[len(absent) :]  # By rows that came meanwhile.
            are_added = is_prefix and self._come(self.sample, developers)
            are_added = are_added and (is_pushed_out or not any(self._calls(absent)) or self._come(absent, developers))
            scopes = [replace(one, developer=True) for one in scopes] + ([] if are_added else scopes)
        sample = self.sample if self.scope.channels is None else ()
        if scopes[0].channels is None and all(_channel(row) == DEFAULT_CHANNEL for row in sample):
            shown_first = sorted(scopes, key=lambda scope: scope != self.scope)  # First the one that gave the sample.
            return scopes + [other for scope in shown_first for other in self._channels_besides(scope)]
        return scopes

    def _come(self, rows: Sequence[Row], scope: Scope) -> bool:
        """Whether some of these rows come in this scope: in its first answer, or asked for, where bounds are proved."""
        is_shown = bool({row.id for row in self._given.get(scope, ())} & {row.id for row in rows})
        calls = islice(self._calls(rows) if self._are_bounds_proved else (), CALLS_TRIED)
        given = ((call, row) for call, minutes in calls for row in self.once(scope, minutes, self.size).rows)
        return is_shown or any(row.id == call.id for call, row in given)

    def _channels_besides(self, scope: Scope) -> list[Scope]:
        """The scopes that are needed besides this one, which names no channel."""
        listed = replace(scope, channels=OTHER_CHANNELS)
        rows = self.rows(listed, limit=10)
        others = [row for row in rows if _channel(row) != DEFAULT_CHANNEL]
        if others and self._come(others, scope):
            return []
        if len(others) == len(rows):
            # The list is heeded if it gives rows of the channel that it names last.
            whole = replace(scope, channels=(*OTHER_CHANNELS, DEFAULT_CHANNEL))
            if self._is_list_heeded or any(_channel(row) == DEFAULT_CHANNEL for row in self.rows(whole)):
                self._is_list_heeded = True
                return [listed] if others else []
        elif self.ask(replace(scope, channels=NOBODY), None, 1).rows:
            return []  # `channel` is ignored.
        ways, defaults = one_by_one(scope), chain(*one_by_one(scope, (DEFAULT_CHANNEL,)))
        is_heeded = (bool(self.rows(default, limit=1)) for default in defaults)
        for way in list(islice(compress(ways, is_heeded), 1)) or ways:
            given = [(single, self.ask(single, None, 1).rows) for single in way]
            if any(rows for _, rows in given):
                break
        return [single for single, rows in given if rows and not self._come(rows, scope)]


def _channel(row: Row) -> str:
    return str(row.record.get("channel_name") or "").strip().casefold()
