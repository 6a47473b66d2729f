"""How a part of a bot's log is read whole.

1. A pass reads its span. -> one_pass.py. If it is clean, all rows are there.
2. Else pass follows pass, each with other pages and in another order that the vendor documents, until one brings no row
   of the part that is not known, and has no more places than rows are known. Nothing else is a proof. (The order among
   equal dates may depend on `skip` and `limit`: the same requests then have the same wrong answers.)
3. Where that does not come about, or pages do not go so deep, the part is read in halves; where half of it is no
   shorter request, the reader raises.
4. A server that finds no more than so many rows looks like one that has no more. So a part with more rows than any
   before it is audited: its halves must not have more rows than are known, nor the gaps at its ends any.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from source_kore_llm_logs.reading.calibration import LIMITS, ServerProfile
from source_kore_llm_logs.reading.fetch import (
    Answer,
    CannotRead,
    Choice,
    Fetch,
    Page,
    Refused,
    Row,
    Scope,
    TooLarge,
    Unavailable,
)
from source_kore_llm_logs.reading.one_pass import End, OnePass
from source_kore_llm_logs.reading.span import CALL, LONGEST_CALL, Part, Span

PAGES = 90
"""That a part aims at: what a killed sync reads again."""
MOST_ROWS = 9_000
"""That a part aims at: some servers page to 10,000 and no deeper (Elasticsearch)."""
MARGIN = 1.05
"""Parts of an even log have about the same number of rows: not each that has one more is audited."""
FEW = 10
MOST_ABSENT = 3
"""Rows that a pass did not bring, of which it is asked whether they are gone."""
MOST_PASSES = 12
MOST_CEILINGS = 3
"""Passes that meet one, where a part cannot be halved: rows that go look the same."""
MOST_UNSETTLED = 4
"""Pieces of one part that may keep moving; then the reader raises."""
MOST_PAGES_OF_THE_SHORTEST = 20_000
SHORTER = 0.95
"""Half of a part is worth asking for if its request spans at most so much of the whole's."""
PAGE_SIZES = (1.0, 1.0, 0.7, 0.85, 0.5, 0.95, 0.6, 0.9, 0.75, 0.4, 0.8, 0.65)
"""Of one pass after the other, in pages of the first."""
ORDERS = (None, "asc", None, "desc", None, "asc", None, "desc", None, "asc", None, "desc")
"""The same: the server's own order, or that by `Time Taken`, the only one that is documented [D]."""
LEAST_AIM = 800
"""Where pages do not go deeper than some thousand rows."""


class Passes:
    """What the passes over one span have brought so far, and whether that is all."""

    def __init__(self) -> None:
        self.known: dict[str, Row] = {}
        """All rows that came, those of the padding included, without their records."""
        self.why = End.SEEN
        """How the last pass ended."""
        self.places = self.page = 0
        """Of the last pass; the most rows in a page of the first."""
        self._equal: Counter[str] = Counter()
        self._is_first, self._is_fresh = False, False

    def begin(self) -> None:
        """A pass begins."""
        self._is_first, self._is_fresh = not self.page, False

    def received(self, rows: list[Row], part: Part) -> None:
        for row in rows:
            if row.id not in self.known:
                self._is_fresh |= part.owns(row)
                self.known[row.id] = row.without_record

    def is_settled_by(self, one: OnePass, is_there: Callable[[Row], bool]) -> bool:
        """Whether all rows of the span are known when this pass has ended. `is_there`: whether a row can still be had.

        Fewer places than before: rows went, and others may have moved into places that were read.
        """
        if one.end is End.REFUSED:
            return False
        before, self.places, self.why = self.places, one.places, one.end
        self.page = self.page or max(one.largest, 2)
        self._equal |= one.equal
        if one.end is not End.SEEN:
            return False
        is_filled = before <= one.places <= len(self.known) + self._equal.total()
        if not one.is_clean and (self._is_first or self._is_fresh or not is_filled):
            return False
        absent = (row for row_id, row in self.known.items() if row_id not in one.seen)
        gone = len(self.known) - one.places
        return gone <= 0 or not any(is_there(row) for row in islice(absent, min(gone, MOST_ABSENT)))


class Reader:
    """Reads parts of one bot's log. One thread uses it."""

    def __init__(self, fetch: Fetch, now: Callable[[], int], choice: Choice, profile: ServerProfile):
        self._fetch, self._now, self._choice = fetch, now, choice
        self.limit = LIMITS[0]
        """Of a request. It only shrinks."""
        self.aim = MOST_ROWS
        """The rows that a part is to have. It only shrinks."""
        self.longest_call = 0
        self.milliseconds_a_row = 0.0
        """Between the rows that were shown last."""
        self.newest_start = 0
        """Of the rows that were shown, and begin before now."""
        self.audited = 2
        """The most rows of a part that an audit has found to be all."""
        self.caps: set[int] = set()
        """Numbers of rows that audits have found not to be all."""
        self.passes = self._unsettled = self._page = 0
        self.use(profile)

    def use(self, profile: ServerProfile) -> None:
        """Reads what follows in this way."""
        self.profile = profile
        if profile.rows:
            self.limit = min(self.limit, profile.limit)
        self.aim = min(self.aim, PAGES * self.limit)
        self._shown(profile.rows, 0)
        times = [row.time for row in profile.rows if row.time is not None] or [0]
        self.milliseconds_a_row = (max(times) - min(times)) / len(times)

    def span(self, part: Part, latest: int) -> Span:
        """What is asked for a part, if it is begun at the moment `latest`."""
        profile, wording = self.profile, self.profile.wording
        more = min(self.longest_call, LONGEST_CALL) if self.longest_call >= CALL else 0
        span = Span(part.start - profile.padding - more, part.after + profile.padding)
        if profile.until_now:
            date_to = max(span.date_from, min(span.date_to, latest - wording.reach))
            return wording.rounded(span._replace(date_to=date_to), latest)
        return wording.rounded(span, None)

    def is_too_long(self, part: Part, scope: Scope) -> bool:
        """Whether there is a row behind those that a part is to have, and half of the part is a shorter request. It is
        asked only where the rows that were shown last lie so close that it may be."""
        latest = self._now()
        if not 0 < 1.2 * self.aim * self.milliseconds_a_row <= part.length or not self._can_be_halved(part, latest):
            return False
        if not self._page:  # The server may give fewer rows than it is asked for.
            answer = self._ask(self.span(part, latest), scope, 0, self.limit)
            self._page = max(FEW, len(answer.rows)) if isinstance(answer, Page) else self.limit
            self.aim = min(self.aim, PAGES * self._page)
        answer = self._ask(self.span(part, latest), scope, self.aim, 1)
        if isinstance(answer, Page):
            return bool(answer.rows)
        return False

    def is_there(self, row: Row, latest: int, in_doubt: bool = False) -> bool:
        """Whether the row comes in the first scope when little more than its call is asked for; `in_doubt` where it may
        be behind the rows that come."""
        if row.time is None:
            return False
        rows = self._rows(self.span(Part(row.time, row.time + 1), latest), self.profile.scopes[0], 0, self.limit)
        is_doubted = in_doubt and len(rows) >= min(FEW, self.limit)
        return is_doubted or any(other.id == row.id for other in rows)

    def read(self, part: Part, scope: Scope, emitted: set[str], latest: int) -> Generator[Row | None, None, int]:
        """The rows of the part, and those without any date, that are not among the `emitted`, which it adds to; None
        behind those of each page. When it ends, all are there; its value is the number of rows that were found, padding
        included.

        `latest`: nothing is asked for beyond this moment, where that can be. Raises CannotRead, or what a fault stands
        for that nothing mended. Blocks while a request is under way.
        """
        self._unsettled = 0
        return (yield from self._whole_or_halves(part, scope, emitted, latest))

    def _whole_or_halves(
        self, part: Part, scope: Scope, emitted: set[str], latest: int
    ) -> Generator[Row | None, None, int]:
        can_be_halved = self._can_be_halved(part, latest)
        passes = Passes()
        for number in range(MOST_PASSES):
            one = self._pass(self.span(part, latest), scope, number, passes.page, can_be_halved)
            passes.begin()
            yield from self._rows_of(one, part, passes, emitted, latest)
            if one.refusal is not None and not number:
                raise one.refusal.error
            if one.has_shrunk:
                self.limit = min(self.limit, one.limit)
            if passes.is_settled_by(one, partial(self.is_there, latest=latest, in_doubt=not one.is_clean)):
                if self._are_all_known(part, scope, latest, passes.known, one.places):
                    return one.places
                passes.why = End.MORE
            if not number:
                self._check_skip(part, scope, latest)
            if passes.why is not End.SEEN and (can_be_halved or number == MOST_CEILINGS):
                break
        return (yield from self._halves(part, scope, emitted, latest, passes, can_be_halved))

    def _rows_of(
        self, one: OnePass, part: Part, passes: "Passes", emitted: set[str], latest: int
    ) -> Iterator[Row | None]:
        """The rows of one pass that are the part's own, or nobody's, and were not emitted."""
        for page in one:
            self._shown(page, latest)
            passes.received(page, part)
            for row in page:
                if (row.time is None or part.owns(row)) and row.id not in emitted:
                    emitted.add(row.id)
                    yield row
            yield None
            del page  # It may be large, and the next is asked for.

    def _halves(
        self, part: Part, scope: Scope, emitted: set[str], latest: int, passes: "Passes", can_be_halved: bool
    ) -> Generator[Row | None, None, int]:
        """Both halves, each read like any part. Raises CannotRead where they are no shorter requests."""
        if passes.why is End.CEILING:
            self.aim = min(self.aim, max(LEAST_AIM, passes.places * 4 // 5))
        elif passes.why is End.MORE:
            self.aim = min(self.aim, max(FEW, passes.places * 4 // 5))
        self._unsettled += passes.why is End.SEEN
        if not can_be_halved or self._unsettled > MOST_UNSETTLED:
            wording = self.profile.wording
            raise CannotRead(
                f"the rows from {wording.date(part.start)} to {wording.date(part.after)} cannot be read to the end: "
                f"{passes.why.value}. They are read again at the next sync; if this goes on, narrow the sync by "
                "`channels` or `feature_names`",
                is_transient=True,
            )
        places = 0
        for half in part.halves():
            places += yield from self._whole_or_halves(half, scope, emitted, latest)
        return places

    def _check_skip(self, part: Part, scope: Scope, latest: int) -> None:
        """Raises CannotRead if `skip` is ignored, rounded to pages, or taken for the number of a page."""
        span = self.span(part, latest)
        for few in (FEW, FEW + 3):  # Rows may move between the requests, or be ordered by the page.
            answers = [self._ask(span, scope, skip, limit) for skip, limit in ((0, few), (1, few), (few, 1))]
            first, second, behind = (
                [row.id for row in page.rows] if isinstance(page, Page) else [] for page in answers
            )
            is_page = second[:1] == behind and not set(first) & set(second)
            if len(set(first)) < 2 or not isinstance(answers[1], Page) or not (second == first or is_page):
                return
        raise CannotRead("the API ignores `skip`, rounds it to whole pages, or takes it for the number of a page")

    def _pass(self, span: Span, scope: Scope, number: int, page: int, can_be_halved: bool) -> OnePass:
        """`page`: the most rows that a page of this part has had."""

        def ask(skip: int, limit: int) -> Answer:
            return self._ask(span, scope, skip, min(limit, max(2, self.limit)), **_sorted(ORDERS[number]))

        def refuses_behind(skip: int) -> bool:
            return isinstance(self._ask(Span(span.date_from, span.date_from), scope, skip, 1), Refused)

        self.passes += 1
        largest = min(self.limit, self.profile.limit)
        limit = min(largest, max(2, int(page * PAGE_SIZES[number]))) if number else largest
        return OnePass(ask, limit, 2 * PAGES if can_be_halved else MOST_PAGES_OF_THE_SHORTEST, refuses_behind)

    # Audit

    def _are_all_known(self, part: Part, scope: Scope, latest: int, known: dict[str, Row], places: int) -> bool:
        """Whether an audit finds no more rows than are known. Smaller parts than those audited need none."""
        can_be_halved = self._can_be_halved(part, latest)
        if places in self.caps and can_be_halved:
            return False
        if places < self.audited * MARGIN:
            return True
        times = sorted(row.time for row in known.values() if part.owns(row) and row.time is not None)
        gaps = [Part(part.start, times[0]), Part(times[-1] + 1, part.after)] if times else []
        halves = part.halves() if can_be_halved else ()
        if any(
            self._has_unknown(piece, scope, latest, known) for piece in (*halves, *gaps) if piece.length
        ) or self._has_unknown(part, scope, latest, known, "desc"):
            self.caps.add(places)
            return False
        self.audited = places
        return True

    def _has_unknown(
        self, part: Part, scope: Scope, latest: int, known: dict[str, Row], order: str | None = None
    ) -> bool:
        """Whether a row of the part is not known. What a server does not find comes last in its order: behind as many
        rows as are known in the request's span. In the documented `order`, all are asked for."""
        span = self.span(part, latest)
        starts = sum(1 for row in known.values() if row.start and span.date_from <= row.start <= span.date_to)
        ends = sum(1 for row in known.values() if row.end and span.date_from <= row.end <= span.date_to)
        limit = min(self.limit, len(known) + 1 if order else 3 * FEW)
        skip = 0 if order else max(0, min(starts, ends) - limit // 3)
        rows = self._rows(span, scope, skip, limit, **_sorted(order))
        return any(part.owns(row) and row.id not in known for row in rows)

    def _ask(self, span: Span, scope: Scope, skip: int, limit: int, **other: Any) -> Answer:
        return self._fetch(self.profile.wording.body(span, self._choice, scope, skip, limit, **other))

    def _rows(self, span: Span, scope: Scope, skip: int, limit: int, **other: Any) -> list[Row]:
        """The rows of an answer, of one row where so many cannot be had; none of a refusal. Raises what a fault stands
        for: it is no answer."""
        answer = self._ask(span, scope, skip, limit, **other)
        if isinstance(answer, TooLarge | Unavailable):
            answer = self._ask(span, scope, skip, 1, **other)
        if isinstance(answer, TooLarge | Unavailable):
            raise answer.error
        return answer.rows if isinstance(answer, Page) else []

    def _can_be_halved(self, part: Part, latest: int) -> bool:
        if part.length < 2:
            return False
        whole, (first, second) = self.span(part, latest), part.halves()
        lengths = [span.date_to - span.date_from for span in (self.span(first, latest), self.span(second, latest))]
        return max(lengths) <= SHORTER * (whole.date_to - whole.date_from)

    def _shown(self, rows: Iterable[Row], latest: int) -> None:
        for row in rows:
            start = row.start if row.start is not None else row.end
            if start is not None and self.newest_start < start <= latest:
                self.newest_start = start
            if row.start is not None and row.end is not None:
                self.longest_call = max(self.longest_call, row.end - row.start)


def _sorted(order: str | None) -> dict[str, Any]:
    return {"sort": {"field": "Time Taken", "order": order}} if order else {}
