"""How a part of a bot's log is read whole.

1. A pass reads its span. -> one_pass.py. If it is clean, all rows are there.
2. Else pass follows pass, each with other pages and in another order that the vendor documents, until one brings no row
   of the part that is not known, and has no more places than rows are known. Nothing else is a proof: the order among
   equal dates may depend on `skip` and `limit`, and the same requests then have the same wrong answers.
3. Where that does not come about, or pages do not go so deep, halves of the part are read, or the reader raises.
4. A server that finds no more than so many rows looks like one that has no more. So a part with more rows than any
   before it is audited: in halves, in the gaps at its ends and in other orders there must be no rows but those known.
"""

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from source_kore_llm_logs.reading.calibration import LIMITS, ServerProfile
from source_kore_llm_logs.reading.fetch import Answer, CannotRead, Choice, Fetch, Refused, Row, Scope, Unavailable
from source_kore_llm_logs.reading.one_pass import End, OnePass
from source_kore_llm_logs.reading.span import CALL, LONGEST_CALL, PROVED, Part, Span

PAGES = 90  # That a part aims at: what a killed sync reads again.
MOST_ROWS = 9_000  # That a part aims at: some servers page to 10,000 and no deeper (Elasticsearch).
LEAST_AIM = 800  # Where pages do not go deeper than some thousand rows.
FEW = 10
FEW_PASSES, MANY_PASSES = 12, 60  # Over a part; many, where halves are not read instead.
MOST_CEILINGS = 4  # That many passes meet: rows that go look the same.
MOST_UNSETTLED = 4  # Parts, each half of the one before, in which rows keep moving; the last is not halved.
SHORT = 4 * PROVED  # A part of at most this is not halved for its size: the padding of its halves would cost more.
MOST_PAGES_OF_THE_SHORT = 20_000
SHORTER = 0.95  # Half of a part is worth asking for if its request spans at most so much of the whole's.
# Of passes, in turn: the server's own, or that by `Time Taken`, the only one that is documented [D].
ORDERS: tuple[str | None, ...] = (None, "asc", None, "desc")


@dataclass
class Passes:
    """What the passes over one span have brought so far, and whether that is all."""

    known: dict[str, Row] = field(default_factory=dict)  # All rows that came, padding included, without records.
    page: int = 0  # The most rows in a page of the first pass.
    places: int = 0  # Of the last.
    equal: Counter[str] = field(default_factory=Counter)

    def are_settled_by(self, one: OnePass, is_fresh: bool) -> bool:
        """Whether all rows of the span are known behind this pass. `is_fresh`: it brought new ones of the part."""
        is_first, before = not self.page, self.places
        self.page, self.places = self.page or max(one.largest, 2), one.places
        self.equal |= one.equal
        if one.places < before:  # Rows went, and others may have moved into places that were read: count anew.
            self.known = {row_id: row for row_id, row in self.known.items() if row_id in one.seen}
        is_filled = one.places <= len(self.known) + self.equal.total()
        return one.end is End.SEEN and (one.is_clean or (is_filled and not is_first and not is_fresh))


class Reader:
    """Reads parts of one bot's log. One thread uses it."""

    def __init__(self, fetch: Fetch, choice: Choice, profile: ServerProfile):
        self._fetch, self._choice = fetch, choice
        self.latest = 0  # When the part that is read was begun: nothing is asked for beyond, where that can be.
        self.limit, self.aim = LIMITS[0], MOST_ROWS  # Of a request; rows of a part. Both only shrink.
        self.density = inf  # Rows a millisecond, of what was read last.
        self.longest_call = self.newest_start = 0  # Of the rows that were shown, and began before `latest`.
        self.audited = 2  # The most rows of a part that an audit has found to be all.
        self.passes = self._page = 0
        self._emitted: dict[str, int | None] = {}  # Ids, and times, of rows that no settled part holds, if any does.
        self.use(profile)

    def use(self, profile: ServerProfile) -> None:
        """Reads what follows in this way."""
        self.profile, self.short = profile, max(SHORT, profile.padding)
        self.limit = min(self.limit, profile.limit if profile.rows else self.limit)
        self.aim = min(self.aim, PAGES * self.limit)
        self._shown(profile.rows)

    def span(self, part: Part) -> Span:
        """What is asked for a part."""
        profile, wording = self.profile, self.profile.wording
        more = min(self.longest_call, LONGEST_CALL) if self.longest_call >= CALL else 0
        span = Span(part.start - profile.padding - more, part.after + profile.padding)
        if profile.until_now:
            date_to = max(span.date_from, min(span.date_to, self.latest - wording.reach))
            return wording.rounded(span._replace(date_to=date_to), self.latest)
        return wording.rounded(span, None)

    def can_be_halved(self, part: Part) -> bool:
        """Whether half of the part is a shorter request."""
        shorter = SHORTER * self.span(part).length
        return part.length > 1 and all(self.span(half).length <= shorter for half in part.halves())

    def is_too_long(self, part: Part) -> bool:
        """Whether there is a row behind those that a part is to have. It is asked only where there may be."""
        span, scope = self.span(part), self.profile.scopes[0]
        may_be = self.profile.rows and part.length > self.short and self.density * span.length > 0.95 * self.aim
        if not may_be or not self._ask(span, scope, self.aim, 1).rows:
            return False
        if not self._page:  # The server may give fewer rows than it is asked for.
            self._page = max(FEW, len(self._rows(span, scope, 0, self.limit)))
            self.aim = min(self.aim, PAGES * self._page)
        return True

    def read(self, part: Part, unsettled: int = 0) -> Generator[Row | None, None, list[tuple[Part, int]]]:
        """The rows of the part, and those without any date, that were not given before; None behind those of each page.
        Its value: nothing if all are there; or the halves to read instead, each with the number of parts around it in
        which rows keep moving. Blocks while a request is under way. Raises CannotRead where halves are no shorter
        requests, and what a refusal or a fault stands for."""
        self.passes = 0
        is_last = unsettled == MOST_UNSETTLED or not self.can_be_halved(part)
        for scope in self.profile.scopes:
            why = yield from self._read_in(scope, part, is_last)
            if why is not None:
                return self._halves(part, why, unsettled, is_last)
        absent = [row for row in self.profile.rows if part.owns(row) and row.id not in self._emitted]
        spans = [self.span(Part(row.time or 0, (row.time or 0) + 1)) for row in absent]
        given = {row.id for span in spans for row in self._rows(span, self.profile.scopes[0], 0, self.limit)}
        if any(row.id in given for row in absent):
            raise CannotRead("the API gives some rows only for a small request, and not when the log is read")
        self._emitted = {i: time for i, time in self._emitted.items() if time is None or time >= part.after}
        return []

    def _halves(self, part: Part, why: End, unsettled: int, is_last: bool) -> list[tuple[Part, int]]:
        if why is not End.SKIP and self.can_be_halved(part) and not (is_last and why is End.SEEN):
            return [(half, unsettled + (why is End.SEEN)) for half in part.halves()]
        start, after = map(self.profile.wording.date, (part.start, part.after))
        raise CannotRead(
            f"the rows from {start} to {after} cannot be read to the end: {why.value}. They are read again at the next "
            "sync; if this goes on, narrow the sync by `channels` or `feature_names`",
            is_transient=True,
        )

    def _read_in(self, scope: Scope, part: Part, is_last: bool) -> Generator[Row | None, None, End | None]:
        """The rows in one scope; its value is None if all are there, or why that cannot be told."""
        passes, why, orders = Passes(), End.SEEN, ORDERS
        for number in range(MANY_PASSES if is_last else FEW_PASSES):
            one = self._pass(part, scope, number, passes.page, orders[number % len(orders)])
            is_fresh = yield from self._rows_of(one, part, passes.known)
            if isinstance(one.end, Refused):
                if not number:
                    raise one.end.error
                orders = (None,)  # It is the order that is refused.
                continue
            self.limit = self.limit if number else min(self.limit, one.first_limit)
            why, self.density = one.end, one.places / self.span(part).length
            if passes.are_settled_by(one, is_fresh):
                if self._are_all_known(part, scope, passes.known, one.places):
                    return None
                why = End.MORE
            if why is not End.SEEN and (number + 1 >= MOST_CEILINGS or not is_last):
                break
        if why in (End.CEILING, End.MORE):
            self.aim = min(self.aim, max(LEAST_AIM if why is End.CEILING else FEW, one.places * 4 // 5))
        return why

    def _rows_of(self, one: OnePass, part: Part, known: dict[str, Row]) -> Generator[Row | None, None, bool]:
        """Its rows that are the part's own or nobody's, and not emitted. Whether some of the part were not known."""
        is_fresh = False
        for page in one:
            self._shown(page)
            for row in page:
                is_fresh |= part.owns(row) and row.id not in known
                known[row.id] = row._replace(record={})
                if (row.time is None or part.owns(row)) and row.id not in self._emitted:
                    self._emitted[row.id] = row.time
                    yield row
            yield None
            del page  # It may be large, and the next is asked for.
        return is_fresh

    def _pass(self, part: Part, scope: Scope, number: int, page: int, order: str | None) -> OnePass:
        """`page`: the most rows that a page of this part has had."""
        span = self.span(part)

        def ask(skip: int, limit: int) -> Answer:
            return self._ask(span, scope, skip, min(limit, max(2, self.limit)), order)

        self.passes += 1
        largest = min(self.limit, self.profile.limit)
        size = 1 - 0.6 * (0.618 * number % 1)  # Of pages, in pages of the first: in each pass another.
        limit = min(largest, max(2, int(page * size))) if number else largest
        return OnePass(ask, limit, MOST_PAGES_OF_THE_SHORT if part.length <= self.short else 2 * PAGES)

    def _are_all_known(self, part: Part, scope: Scope, known: dict[str, Row], places: int) -> bool:
        """Whether an audit finds no more rows than are known. Smaller parts than those audited need none."""
        if places <= self.audited:
            return True
        times = sorted(row.time for row in known.values() if part.owns(row) and row.time is not None)
        cuts = [(times[0], times[len(times) // 2]), (times[len(times) // 2], times[-1] + 1)] if times else []
        pieces = [piece for first, last in cuts for piece in (Part(part.start, first), Part(last, part.after))]
        if any(self._has_unknown(piece, scope, known) for piece in pieces if piece.length):
            return False
        orders = ("desc",) if self.can_be_halved(part) else ("asc", "desc")
        if any(self._has_unknown(part, scope, known, order) for order in orders):
            return False
        self.audited = places
        return True

    def _has_unknown(self, part: Part, scope: Scope, known: dict[str, Row], order: str | None = None) -> bool:
        """Whether a row of the part is not known: behind as many as are known in the span, or in that order."""
        span = self.span(part)
        starts = sum(1 for row in known.values() if row.start and span.date_from <= row.start <= span.date_to)
        ends = sum(1 for row in known.values() if row.end and span.date_from <= row.end <= span.date_to)
        limit = min(self.limit, 3 * FEW)
        rows = self._rows(span, scope, 0 if order else max(0, min(starts, ends) - limit // 3), limit, order)
        return any(part.owns(row) and row.id not in known for row in rows)

    def _ask(self, span: Span, scope: Scope, skip: int, limit: int, order: str | None = None) -> Answer:
        other: dict[str, Any] = {"sort": {"field": "Time Taken", "order": order}} if order else {}
        return self._fetch(self.profile.wording.body(span, self._choice, scope, skip, limit, **other))

    def _rows(self, span: Span, scope: Scope, skip: int, limit: int, order: str | None = None) -> Sequence[Row]:
        """The rows of an answer; none of a refusal. Raises what a fault stands for."""
        answer = self._ask(span, scope, skip, limit, order)
        answer = self._ask(span, scope, skip, 1, order) if isinstance(answer, Unavailable) else answer
        if isinstance(answer, Unavailable):
            raise answer.error
        return answer.rows

    def _shown(self, rows: Sequence[Row]) -> None:
        for row in rows:
            start = row.start if row.start is not None else row.end or 0
            self.newest_start = max(self.newest_start, start) if start <= self.latest else self.newest_start
            self.longest_call = max(self.longest_call, (row.end or 0) - (row.start or row.end or 0))
