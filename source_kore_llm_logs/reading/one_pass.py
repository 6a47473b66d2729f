"""One pass over a part: its span is read page after page, until the end is seen. -> end_of_rows.py"""

from collections import Counter
from collections.abc import Iterator
from enum import Enum
from hashlib import blake2b

from source_kore_llm_logs.reading.bot import Asking, Bot
from source_kore_llm_logs.reading.end_of_rows import OrderOfRows, is_round
from source_kore_llm_logs.reading.fetch import Answer, CannotRead, Page, Refused, Row, TooLarge, Unavailable
from source_kore_llm_logs.reading.filter_check import are_filters_heeded
from source_kore_llm_logs.reading.format_search import where_rows_are
from source_kore_llm_logs.reading.id_set import IdSet
from source_kore_llm_logs.reading.padding import Span, cell_around
from source_kore_llm_logs.reading.part import Part
from source_kore_llm_logs.reading.request_format import RequestFormat
from source_kore_llm_logs.reading.scopes import Scope

SAME_PAGES = 3
"""A page that comes at so many values of `skip` gives rise to doubt that `skip` is honoured."""
MANY_PAGES = 12
"""A page of different rows that comes at so many leaves no doubt."""
FAR_BEHIND = 1_000_000
"""Rows. No part has so many."""
MOST_FORMATS_ADOPTED = 4
MOST_PAGES_ASKED = 10
"""To find out whether rows are hidden; known rows may come first, where bounds are cut to the day."""
MOST_STALE_PAGES = 60
"""Pages in a row that may bring nothing new to a pass: equal rows come so, and rows that keep moving."""


class End(Enum):
    """How a pass ended."""

    SEEN = "the last row was seen"
    CEILING = "the API does not page so deep, or rows were deleted"
    TOO_LONG = "it has more pages than a part is to have"
    MOVING = "rows keep moving"
    AGAIN = "the request format changed"


class Pass:
    """One reading of a part's span in one scope and request format. Iterating asks for the pages and yields, for each,
    the rows that this pass had not received before; afterwards `end` says how it ended.

    Blocks while a request is under way. Raises CannotRead, or what the server's last refusal or fault stands for, if
    there is no other way to ask. One thread iterates it, and once.
    """

    def __init__(
        self,
        bot: Bot,
        part: Part,
        scope: Scope,
        most_pages: int,
        limit: int | None = None,
        is_last_resort: bool = False,
        present: int | None = None,
    ):
        """`limit`: of its requests, where the bot's own is not smaller. `is_last_resort`: the part cannot be split;
        near a ceiling, smaller and smaller pages are asked for. `present`: the moment that is taken for now."""
        self.bot, self.part, self.scope, self.most_pages = bot, part, scope, most_pages
        self.limit, self.is_last_resort, self.present = limit, is_last_resort, present
        self.end = End.SEEN
        self.pages = self.received = self.positions = self.largest = self.bytes = 0
        self.moved = False
        """Whether rows came twice, or the last row of a page did not come again where it should."""
        self.equal: Counter[str] = Counter()
        """Ids that one page held more than once, and how often besides: rows that are equal in every column."""
        self.seen = IdSet()
        self._order = OrderOfRows()
        self._first = ""
        self._is_skip_honoured = False
        self._near_ceiling = 0
        """The `limit` with which pages were given where a larger one met the ceiling; 0 if none was met."""
        self._came_at: dict[bytes, set[int]] = {}
        self.asking = self.in_format(bot.form)

    def in_format(self, form: RequestFormat) -> Asking:
        """How the part's span is asked for in this format."""
        return self.bot.asking(self.part, self.scope, form, self.present)

    def __iter__(self) -> Iterator[list[Row]]:
        rows = self._first_page()
        at = stale = 0
        last: Row | None = None
        is_behind = in_doubt = False
        while rows:
            came_again = last is not None and not is_behind and rows[0].id == last.id
            self.moved |= last is not None and not is_behind and not came_again
            new = rows[1:] if came_again else rows
            self.pages += 1
            self.positions = at + len(rows)
            self.largest = max(self.largest, len(rows))
            fresh = self._take(new, rows)
            yield fresh
            if not self._honours_skip(rows, at):
                self.end = End.CEILING
                return
            stale = 0 if fresh else stale + 1
            if stale == MOST_STALE_PAGES:
                self.end = End.MOVING
                return
            if self.pages >= self.most_pages:
                self.end = End.TOO_LONG
                return
            skip, last = at + len(rows), rows[-1]
            # In an order that changes, the last row does not come again: what is alone there is taken for it.
            is_behind, in_doubt = not new or (self.moved and len(rows) == 1), False
            answer, limit = self._page(skip, is_behind)
            if isinstance(answer, TooLarge) and not is_behind:
                # Two rows are too large together: the next alone. If there is none, something made the page too large.
                is_behind = in_doubt = True
                answer, limit = self._page(skip, is_behind)
            at = skip if is_behind else skip - 1
            if isinstance(answer, Refused) and is_behind and self._refuses_what_is_behind(last):
                break
            if not isinstance(answer, Page):
                self._refuses_depth(answer)
                self.end = End.CEILING
                return
            if not are_filters_heeded(self.bot, self.asking, answer.rows, at, limit):
                self.end = End.AGAIN
                return
            rows = answer.rows
            self.bytes += answer.size
            self.bot.caps_pages |= is_behind and bool(rows)
            if is_behind and self.bot.caps_pages and not self._is_still_at(skip - 1, last):
                self.moved = True  # Between the two requests: the row behind may be another.
        if last is not None and (in_doubt or not is_behind):
            self.end = End.CEILING

    def hides_rows(self, received: IdSet) -> bool:
        """Whether the part has rows besides these that no pass brings to light. -> end_of_rows.py

        Blocks while it asks, if there is reason to.
        """
        span = self._order.where_hidden(self.part, self.asking.span, self.positions)
        if span is not None and (self._is_suspect() or self._are_others_there(span, received)):
            self.end = End.CEILING
        return self.end is End.CEILING

    def _is_suspect(self) -> bool:
        return not self._order.is_known and is_round(self.positions) and not self.is_last_resort

    def _are_others_there(self, span: Span, received: IdSet) -> bool:
        asking, skip = self.asking._replace(span=self.asking.form.written(span)), 0
        for _ in range(MOST_PAGES_ASKED):
            answer, limit = self.bot.page(asking, skip)
            rows = answer.rows if isinstance(answer, Page) else []
            if any(self.part.owns(row) and row.id not in received for row in rows):
                return True
            if len(rows) < min(limit, self.largest):
                break
            skip += len(rows)
        return False

    def _refuses_what_is_behind(self, row: Row) -> bool:
        """Whether the server refuses a `skip` behind the last row, whichever that is: then it is no ceiling."""
        span = cell_around(row)
        if self.bot.refuses_what_is_behind is None and span is not None and not self.moved:
            asking = self.asking._replace(span=self.asking.form.written(span))
            answer, _ = self.bot.page(asking, 0)
            rows = len(answer.rows) if isinstance(answer, Page) else 0
            if 0 < rows < self.positions:  # A pass has gone deeper than this.
                self.bot.refuses_what_is_behind = isinstance(self.bot.page(asking, rows)[0], Refused)
        return bool(self.bot.refuses_what_is_behind) and not self.moved and self.largest > 1

    def _is_still_at(self, skip: int, row: Row) -> bool:
        answer, _ = self.bot.page(self.asking, skip)
        return isinstance(answer, Page) and bool(answer.rows) and answer.rows[0].id == row.id

    def _page(self, skip: int, is_behind: bool) -> tuple[Answer, int]:
        """The page behind the rows received, or from the last of them, which must then not be all that fits."""
        at, least = (skip, 1) if is_behind else (skip - 1, 2)
        answer, limit = (
            self._near(at, least) if self._near_ceiling else self.bot.page(self.asking, at, least, self.limit)
        )
        room = self.bot.deepest(self.asking.form) - at
        if self._meets_a_ceiling(answer, is_behind) and least <= room < limit:
            limit = room
            answer = self.bot.ask(self.asking, at, limit)
        while self.is_last_resort and limit > least and self._meets_a_ceiling(answer, is_behind):
            limit = self._near_ceiling = max(least, limit // 2)
            answer = self.bot.ask(self.asking, at, limit)
        return answer, limit

    def _near(self, at: int, least: int) -> tuple[Answer, int]:
        limit = max(least, self._near_ceiling)
        return self.bot.ask(self.asking, at, limit), limit

    @staticmethod
    def _meets_a_ceiling(answer: Answer, is_behind: bool) -> bool:
        """Whether an answer may be that of a server that pages no deeper than a certain `skip` + `limit`."""
        return isinstance(answer, Refused) or (isinstance(answer, Page) and not answer.rows and not is_behind)

    def _first_page(self) -> list[Row]:
        """Page one. It decides in which format and span the pass goes on."""
        adopted = 0
        while True:
            answer, limit = self.bot.page(self.asking, 0, most=self.limit)
            if isinstance(answer, Refused):
                self.bot.refuse(self.asking, answer, limit)
            elif not isinstance(answer, Page):
                raise answer.error
            elif answer.rows:
                self.bytes += answer.size
                if are_filters_heeded(self.bot, self.asking, answer.rows, 0, limit):
                    self._first = answer.rows[0].id
                    return answer.rows
            else:
                form = where_rows_are(self.bot, self.in_format, self.asking, limit)
                if form is None or adopted == MOST_FORMATS_ADOPTED:
                    return []
                adopted += form != self.asking.form
                self.bot.adopt(form)
            self.asking = self.in_format(self.bot.form)

    def _take(self, new: list[Row], page: list[Row]) -> list[Row]:
        """Counts the rows of a page; `new` are those behind the last row of the page before."""
        for row_id, times in Counter(row.id for row in page).items():
            if times > 1:
                self.equal[row_id] = max(self.equal[row_id], times - 1)
        self.received += len(new)
        self._order.came(new)
        fresh = []
        self.bot.shown(page)
        for row in new:
            if self.seen.add(row.id):
                fresh.append(row)
            elif row.id not in self.equal:
                self.moved = True
        return fresh

    def _honours_skip(self, rows: list[Row], at: int) -> bool:
        """False if the server gives this page for every `skip` from here on: a ceiling.

        Raises CannotRead if that is so from the first row: then no split helps. The same page at several values of
        `skip` may also be rows that are equal, or that move as fast as they are read; so it is asked for far behind.
        """
        ids = [row.id for row in rows]
        places = self._came_at.setdefault(blake2b("".join(ids).encode(), digest_size=16).digest(), set())
        places.add(at)
        is_alike = len(set(ids)) == 1
        if is_alike or len(places) < MANY_PAGES:
            if len(places) < SAME_PAGES or self._is_skip_honoured:
                return True
            answer, _ = self.bot.page(self.asking, at + FAR_BEHIND)
            self._is_skip_honoured = isinstance(answer, Page) and not answer.rows
            if self._is_skip_honoured or not isinstance(answer, Page):
                return True
        if ids[0] == self._first:
            raise CannotRead("the API ignores `skip` and gives the same page again and again")
        return False

    def _refuses_depth(self, answer: Refused | TooLarge | Unavailable) -> None:
        """Raises what a fault stands for, unless page one still comes: then it is the depth that fails."""
        if isinstance(answer, Refused):
            return
        if isinstance(answer, TooLarge) or not isinstance(self.bot.page(self.asking, 0)[0], Page):
            raise answer.error
