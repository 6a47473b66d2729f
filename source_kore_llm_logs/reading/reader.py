"""How a part of a bot's log is read whole.

1. A pass reads its span. -> one_pass.py. A clean one that has no more places than rows has them all.
2. Else pass follows pass, each with other pages, every second one in an order that the vendor documents, until one
   brings no new row of the part, and has no more places than rows are known. Nothing else is a proof: the order among
   equal dates may depend on `skip` and `limit`, and the same requests then have the same wrong answers.
3. Where that does not come about, or pages do not go so deep, halves of the part are read, or the reader raises.
4. A server that finds no more than so many rows looks like one that has no more. So a part as large as any before is
   audited: up to its median row, from there on, in gaps at its ends and in other orders, no unknown rows must come.
"""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Any

from source_kore_llm_logs.reading.calibration import LIMITS, ServerProfile
from source_kore_llm_logs.reading.fetch import Answer, CannotRead, Choice, Fetch, Row, Scope, Unavailable
from source_kore_llm_logs.reading.one_pass import End, OnePass
from source_kore_llm_logs.reading.span import FIVE_MINUTES, LONGEST_CALL, LONGEST_PART, PADDING, USUAL_CALL, Part, Span

PAGES = 90  # That a part aims at: what a killed sync reads again.
MOST_ROWS = 9_000  # That a part aims at: some servers page to 10,000 and no deeper (Elasticsearch).
LEAST_AIM = 800  # Where pages do not go deeper than some thousand rows.
FEW_ROWS = 10
PASSES = 8  # Over a part, before its halves are read instead; fewer, if two in a row bring nothing new.
MOST_CEILINGS = 4  # Passes over a part that is not halved for that, before one is believed: rows that go look the same.
MOST_UNSETTLED = 6  # Parts, each half of the one before, in which rows keep moving; the last is not halved for that.
SHORT = 4 * PADDING  # A part of at most this is not halved for its size: the padding of its halves would cost more.
MOST_PAGES = 20_000  # Of a later pass, or of one over a part that is not halved for its size.
SHORTER = 0.95  # Half of a part is worth asking for if its request spans at most so much of the whole's.
# Of passes, in turn: the server's own, or that by `Time Taken`, the only one that is documented [D].
ORDERS: tuple[str | None, ...] = (None, "asc", None, "desc")


@dataclass
class Passes:
    """What the passes over one span have brought so far, and whether that is all."""

    known: dict[str, Row] = field(default_factory=dict)  # Padding included, without records; not rows that went.
    places: int = -1  # Of the last.
    number: int = 0
    stale: int = 0  # How many in a row, up to the last, brought no new row of the part.
    equal: Counter[str] = field(default_factory=Counter)

    def are_settled_by(self, one: OnePass, is_fresh: bool) -> bool:
        """Counts this pass. Whether all rows of the span are known then. `is_fresh`: it brought some of the part."""
        self.number, self.stale = self.number + 1, 0 if is_fresh else self.stale + 1
        if one.places < max(self.places, len(self.known)):  # Rows went, or it finds only so many: count anew.
            self.known = {row_id: row for row_id, row in self.known.items() if row_id in one.seen}
        self.places, self.equal = one.places, self.equal | one.equal
        most = one.places - self.equal.total()
        is_filled = self.number > 1 and not is_fresh and most <= len(self.known)
        return one.end is End.LAST_ROW and (is_filled or (one.is_clean and most <= len(one.seen)))


class Reader:
    """Reads parts of one bot's log. One thread uses it."""

    def __init__(self, fetch: Fetch, choice: Choice, profile: ServerProfile):
        self._fetch, self._choice = fetch, choice
        self.latest = 0  # When the part that is read was begun: nothing is asked for beyond, where that can be.
        self.limit, self.aim = LIMITS[0], MOST_ROWS  # Of a request; rows of a part. Both only shrink.
        self.density = inf  # Rows a millisecond, of what was read last.
        self.longest_call = self.newest_start = 0  # Of the rows that were shown; the start before `latest`.
        self.audited = 3  # The most places of a part that an audit has found to be all; fewer than at first need none.
        self.passes = self.largest = self._page = 0  # Over the part; rows of its largest page; of the first of all.
        self._emitted: dict[str, int | None] = {}  # Ids and times of emitted rows of no settled part.
        self.use(profile)

    def use(self, profile: ServerProfile) -> None:
        """Reads what follows in this way."""
        self.profile, self.short = profile, max(SHORT, profile.padding)
        self.limit = min(self.limit, profile.limit if profile.rows else self.limit)
        self.aim = min(self.aim, PAGES * self.limit)
        self._shown(profile.rows)

    def span(self, part: Part, padding: int | None = None) -> Span:
        """What is asked for a part, with the profile's padding or this."""
        profile, wording = self.profile, self.profile.wording
        padding = profile.padding if padding is None else padding
        more = min(self.longest_call, LONGEST_CALL) if padding > FIVE_MINUTES and self.longest_call >= USUAL_CALL else 0
        span = Span(part.start - padding - more, part.after + padding)
        if profile.until_now:
            date_to = max(span.date_from, min(span.date_to, self.latest - wording.before_now))
            return wording.rounded(span._replace(date_to=date_to), self.latest)
        return wording.rounded(span, None)

    def known_until(self, part: Part) -> int:
        """Before this no row of the part can have been hidden. Without a zone, a clock may have been set meanwhile."""
        asked = min(self.span(part).date_to, self.latest) - self.profile.padding
        is_whole = self.profile.padding == PADDING or asked >= part.after
        return part.after if is_whole else min(part.after, max(asked, self.newest_start - USUAL_CALL))

    def can_be_halved(self, part: Part) -> bool:
        """Whether half of the part is a shorter request."""
        shorter = SHORTER * self.span(part).length
        return part.length > 1 and all(self.span(half).length <= shorter for half in part.halves())

    def is_too_long(self, part: Part) -> bool:
        """Whether there are more rows than a part is to have. It is asked only where that is in doubt."""
        span, scopes = self.span(part), self.profile.scopes[:2]  # Of more, these have most rows.
        rows, skip = self.density * span.length, self.aim // len(scopes)  # That are likely, and that each may have.
        may_be = self.profile.rows and part.length > self.short and rows > 0.95 * self.aim
        if not may_be or not (1.5 * self.aim < rows < inf or any(self._ask(span, one, skip, 1).rows for one in scopes)):
            return False
        self._page = self._page or max(FEW_ROWS, *(len(self._rows(span, scope, 0, self.limit)) for scope in scopes))
        self.aim = min(self.aim, PAGES * self._page)  # The server may give fewer rows than it is asked for.
        return True

    def read(self, part: Part, unsettled: int = 0) -> Generator[Row | None, None, list[tuple[Part, int]]]:
        """The rows of the part, and those without any date, that were not given before; None after each page. Its
        value: nothing if all are there; or the halves to read instead, each with the number of parts around it in which
        rows keep moving. Blocks. Raises CannotRead where that is no way, and what a refusal or a fault stands for."""
        self.passes, self.density = 0, 0.0
        is_last = unsettled == MOST_UNSETTLED or not self.can_be_halved(part)
        for scope in self.profile.scopes:
            why = yield from self._read_in(scope, part, is_last)
            if why is not None:
                return self._halves(part, why, unsettled, is_last)
        absent = {row.id: row.time or 0 for row in self.profile.rows if part.owns(row) and row.id not in self._emitted}
        spans = [self.span(Part(time, time + 1)) for time in absent.values()]
        if any(row.id in absent for span in spans for row in self._rows(span, self.profile.scopes[0], 0, self.limit)):
            raise CannotRead("the API gives some rows only for a small request, and not when the log is read")
        self._emitted = {i: time for i, time in self._emitted.items() if time is None or time >= part.after}
        return []

    def _halves(self, part: Part, why: End, unsettled: int, is_last: bool) -> list[tuple[Part, int]]:
        if why is not End.SKIP and self.can_be_halved(part) and not (is_last and why is End.LAST_ROW):
            return [(half, unsettled + (why is End.LAST_ROW)) for half in part.halves()]
        start, after = map(self.profile.wording.date, (part.start, part.after))
        raise CannotRead(
            f"the rows from {start} to {after} cannot be read to the end: {why.value}. They are read again at the next "
            "sync; if this goes on, narrow the sync by `channels` or `feature_names`",
            is_transient=True,
        )

    def _read_in(self, scope: Scope, part: Part, is_last: bool) -> Generator[Row | None, None, End | None]:
        """The rows in one scope; its value is None if all are there, or why that cannot be told."""
        passes, why, orders, overlap = Passes(), End.LAST_ROW, ORDERS, 1
        for number, asked in enumerate(self._asked(part, is_last, passes)):
            known, order = passes.known if asked == part else dict(passes.known), orders[number % len(orders)]
            one = self._pass(asked, scope, number, order, overlap)
            is_fresh, overlap = (yield from self._rows_of(one, part, known)), one.overlap
            if not isinstance(one.end, End):
                if order is None:
                    raise one.end.error
                orders = (None,)  # It is the order that is refused, or takes too long.
                continue
            if not number:
                self.limit, self.largest = min(self.limit, one.first_limit if one.pages else self.limit), one.largest
                self.density += one.places / self.span(part).length
            why = one.end
            passes.known.update((row_id, row) for row_id, row in known.items() if part.owns(row))
            if (passes if asked == part else Passes()).are_settled_by(one, is_fresh):
                if self._are_all_known(part, scope, passes.known if asked == part else known, one.places):
                    return None
                why = End.MORE
            if why is not End.LAST_ROW and (number + 1 >= MOST_CEILINGS or not is_last):
                break
        if why in (End.CEILING, End.MORE):
            self.aim = min(self.aim, max(LEAST_AIM if why is End.CEILING else FEW_ROWS, one.places * 4 // 5))
        return why

    def _asked(self, part: Part, is_last: bool, passes: Passes) -> Iterator[Part]:
        """What each pass asks for. Where the part is not halved, at last more: rows beside may reorder equal dates."""
        while passes.number < PASSES and passes.stale < 2:
            yield part
        more = self.profile.padding
        while is_last and part.length + more <= LONGEST_PART:
            yield from (Part(part.start - more, part.after), Part(part.start, part.after + more), part)
            more *= 2

    def _rows_of(self, one: OnePass, part: Part, known: dict[str, Row]) -> Generator[Row | None, None, bool]:
        """Its rows of the part, or without a date, that were not emitted; all go into `known`. Whether some are new."""
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

    def _pass(self, part: Part, scope: Scope, number: int, order: str | None, overlap: int) -> OnePass:
        self.passes += 1
        largest = min(self.limit, self.profile.limit)
        size = 1 - 0.6 * (0.618 * number % 1)  # Of a page, in the largest of the first pass; in each pass another.
        limit = min(largest, max(2, int(self.largest * size))) if number else largest
        is_long = part.length > self.short and self.can_be_halved(part)
        most_pages = 2 * PAGES if is_long and not number else MOST_PAGES
        ask = partial(self._ask, self.span(part), scope, order=order)
        return OnePass(ask, limit, most_pages, overlap)

    def _are_all_known(self, part: Part, scope: Scope, known: dict[str, Row], places: int) -> bool:
        """Whether an audit finds known rows alone. A part needs none that is smaller than one that was audited."""
        if places < self.audited:
            return True
        own = [row.time for row in known.values() if part.owns(row) and row.time is not None]
        times = sorted(own) or [part.start + part.length // 2]
        far, middle = self.profile.padding, times[len(times) // 2]  # So far from known rows, a gap.
        before, beyond = (part.start + times[0]) // 2, (times[-1] + part.after) // 2
        gaps = Part(part.start, max(times[0] - far, before)), Part(min(times[-1] + far, beyond), part.after)
        pieces = [gap for gap in gaps if gap.length > far] + [Part(part.start, middle), Part(middle, part.after)]
        is_crowded = sum(abs(time - middle) < FIVE_MINUTES for time in times) >= max(FEW_ROWS, len(times) / 2)
        orders = ("desc",) if self.can_be_halved(part) and not is_crowded else ("asc", "desc")
        asked = [*((piece, None) for piece in pieces if piece.length), *((part, order) for order in orders)]
        padding = 0 if is_crowded else FIVE_MINUTES  # Little, since rows beside a part would hide its own.
        is_unknown = any(self._has_unknown(piece, scope, known, padding, order) for piece, order in asked)
        self.audited = self.audited if is_unknown else places
        return not is_unknown

    def _has_unknown(self, part: Part, scope: Scope, known: dict[str, Row], padding: int, order: str | None) -> bool:
        """Whether an unknown row comes where the span's known ones end, at the earliest and latest; or in an order."""
        span, padded = self.span(part, padding), self.span(part)
        starts = sum(1 for row in known.values() if row.start and span.date_from <= row.start <= span.date_to)
        ends = sum(1 for row in known.values() if row.end and span.date_from <= row.end <= span.date_to)
        most = sum(1 for row in known.values() if not row.time or padded.date_from <= row.time <= padded.date_to)
        skip = 0 if order else max(0, min(starts, ends) - FEW_ROWS)
        limit = min(self.limit, 3 * FEW_ROWS if order else most - skip + 2 * FEW_ROWS)
        beyond = skip + min(limit, self.largest)
        skips = {skip} if order or beyond > most else {skip, beyond if limit <= FEW_ROWS else most, most}
        rows = [row for place in sorted(skips) for row in self._rows(span, scope, place, limit, order)]
        until = self.latest - USUAL_CALL  # Later rows beside the part may just have come.
        return any(row.id not in known and (part.owns(row) or (row.time or until) < until) for row in rows)

    def _ask(self, span: Span, scope: Scope, skip: int, limit: int, order: str | None = None) -> Answer:
        other: dict[str, Any] = {"sort": {"field": "Time Taken", "order": order}} if order else {}
        return self._fetch(self.profile.wording.body(span, self._choice, scope, skip, limit, **other))

    def _rows(self, span: Span, scope: Scope, skip: int, limit: int, order: str | None = None) -> Sequence[Row]:
        """The rows of an answer; one, where a page failed; none of a refusal, nor of an order that fails. May raise."""
        answer = self._ask(span, scope, skip, limit, order)
        answer = self._ask(span, scope, skip, 1, order) if isinstance(answer, Unavailable) else answer
        if isinstance(answer, Unavailable) and not order:
            raise answer.error
        return answer.rows

    def _shown(self, rows: Sequence[Row]) -> None:
        for row in rows:
            start = row.start if row.start is not None else row.end or 0
            self.newest_start = max(self.newest_start, start) if start <= self.latest else self.newest_start
            self.longest_call = max(self.longest_call, (row.end or 0) - (row.start or row.end or 0))
