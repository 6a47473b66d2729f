"""One reading of a span, page after page, and what it proves.

The API gives no total and no "more" flag [D], and may give fewer rows than `limit` without a word [I]. So a page begins
with the last row of the one before. Where that comes alone, a page after it is asked for: the end, if it has no rows.

If the places 0 to n - 1 of one answer gave n different rows, and nothing came or went meanwhile, all are there, in
whatever order they came: so it is if each page began with the last row of the one before (a clean pass). A row that
one page shows several times counts as often. Where rows go meanwhile, pages begin with several rows of the one before:
those that still come, in their order, show that no row was passed over.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from source_kore_llm_logs.reading.fetch import Answer, Page, Refused, Row, Unavailable

OVERLAP = 10  # The most rows of the page before that a page begins with.
STALE_PAGES = 40  # In a row, that bring nothing new: `skip` is held, or rows move as fast as they are read.


class End(Enum):
    """How a pass, or the passes over a part, ended."""

    LAST_ROW = "rows keep moving"
    SKIP = "the API ignores `skip`, or rounds it to whole pages"
    CEILING = "the API limits `skip`, or takes it for the number of a page, or rows were deleted meanwhile"
    TOO_LONG = "it has more pages than a part is to have"
    MORE = "the API finds no more than so many rows, and there are more"


@dataclass
class OnePass:
    """One reading; iterating gives the rows of each page, those of the overlap excepted. One thread iterates it, once.
    Blocks while it asks; raises what a fault stands for."""

    ask: Callable[[int, int], Answer]  # Of `skip` and `limit`: one request of the pass.
    limit: int
    most_pages: int
    overlap: int  # Rows of the page before that a page begins with: of several, the first may have gone meanwhile.
    end: End | Refused | Unavailable = End.LAST_ROW  # Or page one's answer, if that is no page.
    is_clean: bool = True
    pages: int = 0
    places: int = 0
    largest: int = 0
    first_limit: int = 0  # With which page one was had. After it, the depth may be what fails.
    seen: set[str] = field(default_factory=set)  # Ids of the rows that came.
    equal: Counter[str] = field(default_factory=Counter)  # How many times besides the first an answer has a row.
    has_gone_on: bool = False  # A last row that came alone had others after it: not `limit` cuts the pages.
    has_come: bool = False  # Rows came meanwhile before those that were read.
    _skip: int = 0  # Of the page.
    _after: int = 0  # The place after its last row.
    _is_deep: bool = False  # It is asked for from farther back, since a page that began later gave no row.

    def __iter__(self) -> Iterator[list[Row]]:
        answer, first, tail, stale, is_full = self._page(0, 1), list[str](), list[str](), 0, False
        self.first_limit = self.limit
        if not isinstance(answer, Page):
            self.end = answer
            return
        while rows := answer.rows:
            ids, expected = [row.id for row in rows], self._after - self._skip  # Rows that came before.
            shared = _shared(tail, expected, ids) if expected else 0
            if (ids == first and len(set(ids)) > 5) or (self._is_deep and 0 < shared == expected):
                self.end = End.CEILING if self._is_deep else End.SKIP  # No rows went; or no chance gives so many again.
                return
            new, last, self._after = rows[shared:], tail[-1] if tail else "", self._skip + len(rows)
            self.is_clean &= bool(shared or not tail)
            self.has_gone_on |= bool(tail) and not expected
            self.places += len(rows) - min(shared or expected, expected)
            self.has_come |= shared > expected > 0
            first, tail = first or ids, [*tail, *ids[shared:]][-2 * OVERLAP :]
            self.pages, self.largest = self.pages + 1, max(self.largest, len(rows))
            equal, was_full = self.equal[last] + sum(row.id == last for row in new), is_full
            self.equal |= Counter(ids) - Counter(set(ids))
            is_full = len(ids) > 2 and len(set(ids)) == 1
            if is_full or was_full:  # Equal rows that fill a page go on from the page before.
                self.equal[last] = equal
            stale = stale + 1 if self.seen.issuperset(ids) else 0
            self.seen.update(ids)
            yield new
            if stale == STALE_PAGES or self.pages >= self.most_pages:
                self.end = End.CEILING if stale == STALE_PAGES else End.TOO_LONG
                return
            is_last = len(rows) <= max(shared, expected)
            del answer, rows, new  # They may be large, and the next page is asked for.
            answer = self._next(is_last)
            if not isinstance(answer, Page):
                self.end = self._end_of(answer)
                return
        if self._skip < self._after:
            self.end = End.CEILING  # The last row should have come again.
        elif self.has_come and isinstance(head := self.ask(0, self.limit), Page):
            self.seen.update(row.id for row in head.rows)
            yield head.rows

    def _next(self, is_last: bool) -> Answer:
        """The page that begins with the last rows, or the one after them. After rows that came alone, one row is asked
        for: that means the same however `skip` is read."""
        few = max(1, min(self.overlap, self.limit // 5, self._after - 1))
        more = max(few, min(OVERLAP, self.largest - 1, self._after - 1))  # If the last did not come, rows may be gone.
        answer: Answer = Page([], 0)
        for overlap in () if is_last else sorted({few, more}):
            self._skip, self._is_deep, self.overlap = self._after - overlap, overlap > few, max(self.overlap, overlap)
            answer = self._page(self._skip, min(overlap + 1, self.limit))
            if answer.rows or isinstance(answer, Unavailable):
                break
        if is_last or isinstance(answer, Unavailable):  # Rows may be too large together: the next alone.
            single = self.ask(self._after, 1)
            if is_last or isinstance(single, Page):
                self._skip = self._after
                return single
        return answer

    def _end_of(self, answer: Answer) -> End:
        """After the last row a refusal is the end; where rows came after lone ones, it may be a ceiling. Raises what
        a fault stands for, unless page one still comes: then it is the depth that fails."""
        if isinstance(answer, Unavailable) and not isinstance(self.ask(0, 1), Page):
            raise answer.error
        is_end = isinstance(answer, Refused) and self._skip == self._after and not self.has_gone_on
        return End.LAST_ROW if is_end else End.CEILING

    def _page(self, skip: int, least: int) -> Answer:
        """The page at `skip`; smaller ones where it cannot be made, and one of `least` rows can; that size is kept."""

        def is_made(answer: Answer) -> bool:  # After page one, the last row should come again.
            return bool(answer.rows) or (not skip and isinstance(answer, Page))

        answer = self.ask(skip, self.limit)
        if is_made(answer):
            return answer
        small = self.ask(skip, least)
        if self.limit == least or not is_made(small):
            return small
        while not is_made(answer) and self.limit > least:
            self.limit = max(least, self.limit // 2)
            answer = self.ask(skip, self.limit)
        return answer


def _shared(tail: list[str], expected: int, ids: list[str]) -> int:
    """How many of the ids go on in the order of the last ones: as many as expected; else fewer, where rows went before
    them; else more, where rows came before them."""
    counts = [*range(min(expected, len(tail)), 0, -1), *range(expected + 1, len(tail) + 1)]
    return next((min(count, len(ids)) for count in counts if ids[:count] == tail[-count:][: len(ids)]), 0)
