"""One bot's log, as it is asked: what its server was seen to do for this bot, and for no other."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import RLock
from typing import Any, NamedTuple

from source_kore_llm_logs.reading.end_of_rows import RowsGiven
from source_kore_llm_logs.reading.fetch import Answer, Fetch, Page, Refused, Row, TooLarge
from source_kore_llm_logs.reading.id_set import IdSet
from source_kore_llm_logs.reading.padding import (
    CELLS,
    FARTHEST_WEST,
    MOST_CUT,
    Span,
    cell_around,
    fit_calls,
    is_beside,
    padded,
)
from source_kore_llm_logs.reading.page_size import DOCUMENTED, PageSize
from source_kore_llm_logs.reading.part import MINUTE, Part
from source_kore_llm_logs.reading.request_format import (
    SPELLINGS,
    RequestFormat,
    formats_after,
    limit_named_in,
    speaks_of_a_format,
)
from source_kore_llm_logs.reading.scopes import Scope, Scopes

logger = logging.getLogger("airbyte")
MOST_CALLS_ASKED_AROUND = 3
"""For each way to write dates; then the padding stays as it is."""
MOST_PAGES_OF_A_MINUTE = 3
"""A call that is not found in so many pages of its minute verifies nothing."""


class Asking(NamedTuple):
    """How the pages of one pass are asked for: none of it changes within a pass."""

    form: RequestFormat
    scope: Scope
    span: Span


class Bot:
    """What a sync has learned about one bot's log. Thread-safe; no lock is held while a request is under way.

    `now` gives the present in milliseconds since the epoch. `filters` holds those fields of the configuration that
    choose rows, under their names there.
    """

    def __init__(
        self,
        bot_id: str,
        fetch: Fetch,
        now: Callable[[], int],
        filters: Mapping[str, Any] | None = None,
        include_developer: bool = True,
        page_size: int | None = None,
    ):
        self.id = bot_id
        self.now = now
        self.filters = {field: value for field, value in (filters or {}).items() if value}
        self.page_size = PageSize(page_size)
        self.scopes = Scopes(include_developer, self.filters.get("channels"))
        self.form = RequestFormat()
        self.undated = IdSet()
        """Rows without any date that were emitted: no part holds them, so the first that meets them emits them."""
        self.ahead = IdSet()
        """Rows that were received and are dated ahead of now: they wait for their day."""
        self.counts: Counter[str] = Counter()
        """For the log: requests, passes, received, repeated, splits."""
        self.seconds_a_page = 0.0
        """How long the server takes for a page, by the last of them; waits and faults do not count."""
        self.longest_call = 0
        """In milliseconds, of all that this bot has shown."""
        self.caps_pages = False
        """Whether a page has left out a row that was there, with room for it in `limit`."""
        self.refuses_what_is_behind: bool | None = None
        """Whether a `skip` behind the last row is refused. None: not tried yet."""
        self.lock = RLock()
        self._fetch = fetch
        self._given: dict[RequestFormat, RowsGiven] = {}
        self._refused: set[RequestFormat] = set()
        self._cut_below: dict[str, int] = {}
        """For each way to write dates, what bounds are cut to less than, as far as known. -> padding.py"""
        self._asked_around: Counter[str] = Counter()
        self.heeded: set[str] = set()
        """Spellings of filters that were seen to take effect."""
        self._ignored: set[str] = set()
        """Spellings of filters that the server ignored."""

    def asking(self, part: Part, scope: Scope, form: RequestFormat, present: int | None = None) -> Asking:
        """How a part is asked for in this format, with the padding that is right by now, if now is `present`."""
        is_verified = self.is_verified(form)
        span = padded(part, is_verified, self.longest_call)
        if form.until_now or is_verified:  # The present cannot grow under a pass, and no bound is needed beyond it.
            is_of_any_zone = form.until_now and form.dates == "seconds" and not is_verified
            latest = (present or self.now()) - is_of_any_zone * FARTHEST_WEST
            span = span._replace(date_to=max(span.date_from, min(span.date_to, latest)))
        return Asking(form, scope, form.written(span))

    def ask(
        self, asking: Asking, skip: int, limit: int, without: str = "", is_question: bool = False, **other: Any
    ) -> Answer:
        """One request with this `skip` and `limit`, and its answer, whatever it is.

        `without` names a filter of the configuration to leave out; `other` replaces keys of the body. The rows of a
        question prove nothing of the format in which the log is read. Blocks until it is answered; raises what `fetch`
        raises.
        """
        filters = {field: value for field, value in self.filters.items() if field != without}
        scope = replace(asking.scope, channels=None) if without == "channels" else asking.scope
        now = self.now()
        answer = self._fetch(
            {**scope.body(filters, asking.form), **asking.form.body(asking.span, limit, skip), **other}
        )
        with self.lock:
            self.counts["requests"] += 1
            if isinstance(answer, Page):
                self.seconds_a_page += (answer.seconds - self.seconds_a_page) / min(4, self.counts["requests"])
            if isinstance(answer, Page) and answer.rows and not is_question:
                self._rows_given(asking.form).gave(limit, skip, asking.span.date_to > now)
                self.page_size.gave(limit, len(answer.rows), answer.size)
        return answer

    def page(self, asking: Asking, skip: int, least: int = 1, most: int | None = None) -> tuple[Answer, int]:
        """The page at `skip`, asked for with the largest `limit` (`least` to `most`) that gives rows; and that `limit`.

        Blocks while requests are under way; raises what `fetch` raises.
        """
        while True:
            with self.lock:
                limit = max(least, min(self.page_size.limit, most or self.page_size.most))
                given = self._rows_given(asking.form).limit
            answer = self.ask(asking, skip, limit)
            with self.lock:
                if isinstance(answer, TooLarge):
                    if self.page_size.too_large_for(limit) and limit > least:
                        logger.info("Bot %s: %s Now asking for %d rows at once.", self.id, answer.words, limit // 2)
                        continue
                elif (isinstance(answer, Refused) or not getattr(answer, "rows", True)) and least <= given < limit:
                    self.page_size.nothing_for(limit, given)
                    continue
            return answer, limit

    def shown(self, rows: Sequence[Row]) -> None:
        """Learns from rows that were received without a question."""
        with self.lock:
            self.scopes.shown(rows)
            calls = (row.end - row.start for row in rows if row.start is not None and row.end is not None)
            self.longest_call = max(self.longest_call, *calls, 0)

    def must_answer(self, part: Part) -> None:
        """Asks for one row of the part, in one format after the other while it is refused. Blocks until it is answered.

        Raises what the last refusal, or a fault, stands for.
        """
        while True:
            asking = Asking(self.form, self.scopes.all[0], Span(part.start, part.after))
            answer = self.ask(asking, 0, 1)
            if isinstance(answer, Refused):
                self.refuse(asking, answer, 1)
            elif isinstance(answer, Page):
                return
            else:
                raise answer.error

    def deepest(self, form: RequestFormat) -> int:
        """The largest `skip` + `limit` for which this bot has given rows."""
        with self.lock:
            return self._rows_given(form).deepest

    def has_given_rows(self, form: RequestFormat) -> bool:
        """Whether this bot has given rows for requests in this format."""
        return bool(self._rows_given(form).limit)

    def has_given_rows_ahead(self, form: RequestFormat) -> bool:
        """Whether it has given rows where `dateTo` lay ahead of now."""
        return self._rows_given(form).in_future

    def _rows_given(self, form: RequestFormat) -> RowsGiven:
        return self._given.setdefault(form, RowsGiven())

    def formats_left(self, form: RequestFormat, in_future: bool) -> list[RequestFormat]:
        """The formats that were not refused, of a bot that has refused any: what gives nothing may be no format."""
        with self.lock:
            if not self._refused:
                return []
            every = formats_after(form, "", in_future, self.filters)
            return [
                other
                for other in every
                if other != form
                and other not in self._refused
                and all(other.key(field) == form.key(field) for field in self.filters)
            ]

    def refuse(self, asking: Asking, refusal: Refused, limit: int) -> None:
        """Goes to the next format, or to a smaller page, unless another thread did so meanwhile.

        Raises what the refusal stands for if all formats were refused.
        """
        with self.lock:
            if self.form != asking.form:
                return
            in_future = asking.span.date_to > self.now()
            named = limit_named_in(refusal.words)
            if named and named < limit:
                self.page_size.nothing_for(named + 1, named)
                return
            if limit > DOCUMENTED and not speaks_of_a_format(refusal.words):
                self.page_size.nothing_for(limit, DOCUMENTED)
                return
            self._refused.add(asking.form)
            for form in formats_after(asking.form, refusal.words, in_future, self.filters):
                if form not in self._refused and self._ignored.isdisjoint(map(form.key, self.filters)):
                    self._tell("refused a request (%s); now asking with %s.", refusal.words, form)
                    self.form = form
                    return
        raise refusal.error

    def adopt(self, form: RequestFormat) -> None:
        """Asks in this format from now on."""
        with self.lock:
            if form != self.form:
                self._tell("gives nothing for requests with %s; now asking with %s.", self.form, form)
                self.form = form

    def _tell(self, words: str, *values: object) -> None:
        logger.info(f"Bot %s: the API {words}", self.id, *values)

    def is_verified(self, form: RequestFormat) -> bool:
        """Whether the least padding is enough for requests in this format. -> padding.py"""
        return self._cut_below.get(form.dates) == MINUTE

    def most_cut(self, form: RequestFormat) -> int:
        """Milliseconds that a bound may be before the one that is sent, as far as known."""
        return self._cut_below.get(form.dates, MOST_CUT)

    def verify_bounds(self, asking: Asking, rows: Sequence[Row]) -> bool:
        """Whether bounds are verified; asks, if these rows show a call to ask around and it is worth another question.
        The same question shows whether lists of channels are heeded.

        Blocks while it asks. Raises nothing for an answer that is no page: the padding stays.
        """
        form = asking.form
        if self.is_verified(form) or not form.tells_the_time:
            return self.is_verified(form)
        cells = CELLS if form.tells_the_zone else CELLS[:1]
        for cell in (cell for cell in cells if cell < self.most_cut(form)):
            for call in fit_calls(rows, not form.tells_the_zone, cell):
                with self.lock:
                    if self._asked_around[form.dates] >= MOST_CALLS_ASKED_AROUND:
                        return False
                    self._asked_around[form.dates] += 1
                    trial = self.scopes.trial_of_a_list()
                is_heeded = trial is not None and self._comes_back(call, asking._replace(scope=trial), cell)
                if is_heeded or self._comes_back(call, asking, cell):
                    with self.lock:
                        self._cut_below[form.dates] = cell
                        self.scopes.heeds_lists = is_heeded or self.scopes.heeds_lists
                    return cell == MINUTE
        return False

    def _comes_back(self, call: Row, asking: Asking, cell: int) -> bool:
        span = cell_around(call, cell)
        assert span is not None
        minute, skip, found = asking._replace(span=span), 0, False
        for _ in range(MOST_PAGES_OF_A_MINUTE):
            answer, _ = self.page(minute, skip)
            if not isinstance(answer, Page):
                return False
            found = found or any(row.id == call.id for row in answer.rows)
            if found and asking.form.tells_the_zone:
                return True
            if any(is_beside(row, span) for row in answer.rows):
                return False
            if not answer.rows:
                return found
            skip += len(answer.rows)
        return False

    def respell(self, field: str, form: RequestFormat) -> bool:
        """The filter is ignored as this format spells it: asks in the vendor's other spelling from now on, if that was
        not tried yet. Whether it was not."""
        with self.lock:
            key = form.key(field)
            self._ignored.add(key)
            for other in SPELLINGS[field]:
                respelled = form.respelled(field, other)
                if other not in self._ignored and respelled not in self._refused:
                    self._tell("ignores the filter `%s`; now asking with `%s`.", key, other)
                    self.form = respelled
                    return True
        return False
