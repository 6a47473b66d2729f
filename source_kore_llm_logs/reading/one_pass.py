"""One reading of a span, page after page, and what it proves.

The API gives no total and no "more" flag [D], and may give fewer rows than `limit` without a word [I]. So a page begins
with the last row of the one before. Where that comes alone, a page after it is asked for: the end, if it has no rows.

If the places 0 to n - 1 of one answer gave n different rows, and nothing came or went meanwhile, all are there, in
whatever order they came: so it is if each page began with the last row of the one before (a clean pass). A row that
one page shows several times counts as often.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from source_kore_llm_logs.reading.fetch import Answer, Page, Refused, Row, Unavailable

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
    end: End | Refused | Unavailable = End.LAST_ROW  # Of page one, if that could not be had.
    is_clean: bool = True
    pages: int = 0
    places: int = 0
    largest: int = 0
    first_limit: int = 0  # With which page one was had. After it, the depth may be what fails.
    seen: set[str] = field(default_factory=set)  # Ids of the rows that came.
    equal: Counter[str] = field(default_factory=Counter)  # How many times besides the first an answer has a row.
    has_gone_on: bool = False  # A last row that came alone had others after it: not `limit` cuts the pages.

    def __iter__(self) -> Iterator[list[Row]]:
        answer, first, last, stale, is_beyond, is_full = self._page(0, 1), list[str](), "", 0, False, False
        self.first_limit = self.limit
        if not isinstance(answer, Page):
            self.end = answer
            return
        while rows := answer.rows:
            overlaps = bool(last) and not is_beyond
            begins_with_last = overlaps and rows[0].id == last
            new = rows[1:] if begins_with_last else rows
            self.is_clean &= begins_with_last or not last
            self.has_gone_on |= is_beyond
            ids, self.places = [row.id for row in rows], self.places + len(rows) - overlaps
            if ids == first and len(set(ids)) > 5:  # No chance puts so many into the same order again.
                self.end = End.SKIP
                return
            first = first or ids
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
            is_beyond = overlaps and len(rows) == 1
            last = rows[-1].id
            del answer, rows, new  # They may be large, and the next page is asked for.
            answer, is_beyond = self._next(is_beyond)
            if not isinstance(answer, Page):
                self.end = self._end_of(answer, is_beyond)
                return
        if last and not is_beyond:
            self.end = End.CEILING  # The last row should have come again.

    def _next(self, is_beyond: bool) -> tuple[Answer, bool]:
        """The page that begins with the last row, or the one after it; and whether it is that. After a row that came
        alone one row is asked for: that means the same however `skip` is read."""
        if is_beyond:
            return self.ask(self.places, 1), True
        answer = self._page(self.places - 1, min(2, self.limit))
        if isinstance(answer, Unavailable):  # Two rows may be too large together: the next alone.
            single = self.ask(self.places, 1)
            return (single, True) if isinstance(single, Page) else (answer, False)
        return answer, False

    def _end_of(self, answer: Answer, is_beyond: bool) -> End:
        """After the last row a refusal is the end; where rows came after lone ones, it may be a ceiling. Raises what
        a fault stands for, unless page one still comes: then it is the depth that fails."""
        if isinstance(answer, Refused):
            return End.LAST_ROW if is_beyond and not self.has_gone_on else End.CEILING
        if not isinstance(answer, Page) and not isinstance(self.ask(0, 1), Page):
            raise answer.error
        return End.CEILING

    def _page(self, skip: int, least: int) -> Answer:
        """The page at `skip`; smaller ones where it cannot be made, and one of `least` rows can; that size is kept."""

        def is_made(answer: Answer) -> bool:
            """After page one the last row should come again, so the page should not be empty."""
            return isinstance(answer, Page) and bool(answer.rows or not skip)

        limit = max(least, self.limit)
        answer = self.ask(skip, limit)
        if is_made(answer):
            return answer
        small = self.ask(skip, least)
        if limit == least or not is_made(small):
            return small
        if isinstance(answer, Unavailable) and not answer.is_too_large:
            answer = self.ask(skip, limit)  # It may have been a fault of the moment.
        while not is_made(answer) and limit > least:
            limit = self.limit = max(least, limit // 2)
            answer = self.ask(skip, limit)
        return answer
