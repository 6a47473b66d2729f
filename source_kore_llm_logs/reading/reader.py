"""How one part of a bot's log is read whole.

1. The part gets its length: where more pages come than were expected, the planner is asked to cut it. -> planner.py
2. A pass reads the span of the part. -> one_pass.py
3. No pass asks beyond the moment at which the first began, once bounds are verified: the present cannot grow under it.
   The part is settled if nothing moved in its first pass. Else passes go on until one brings no row of the part that is
   not known yet, and either nothing moved in it, or as many different rows are known as it received. The latter is for
   orders that change among ties, and for equal rows. That a pass brings the very sequence of the one before proves
   nothing: where the order depends on `skip` and `limit`, the same requests have the same wrong answers. Each pass asks
   for smaller pages than the one before.
4. Where that does not come about, the part is split, as long as that makes the request shorter; else the reader raises.
5. What a question showed to be there must have come. -> scopes.py

A row is yielded when it is first received, and once. Only a part that is settled is checkpointed.
"""

import logging
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice

from source_kore_llm_logs.reading.bot import Asking, Bot
from source_kore_llm_logs.reading.fetch import CannotRead, Page, Row
from source_kore_llm_logs.reading.format_search import is_row_given
from source_kore_llm_logs.reading.id_set import IdSet
from source_kore_llm_logs.reading.one_pass import End, Pass
from source_kore_llm_logs.reading.padding import CALL, UNVERIFIED, VERIFIED, padded
from source_kore_llm_logs.reading.page_size import DOCUMENTED
from source_kore_llm_logs.reading.part import Part
from source_kore_llm_logs.reading.planner import MOST_PAGES_A_PART, Planned, Planner
from source_kore_llm_logs.reading.questions import Answers, Questions
from source_kore_llm_logs.reading.rows_received import RowsReceived
from source_kore_llm_logs.reading.scopes import Scope

logger = logging.getLogger("airbyte")

MOST_PASSES = 5
MOST_PASSES_IN_ALL = 12
"""Passes that bring rows of the part do not count among the others."""
MOST_UNSETTLED = 3
"""So many pieces of one part may be split while rows move in them; then the reader raises."""
MOST_PAGES_OF_THE_SHORTEST = 20_000
"""Of a part whose request cannot be made shorter."""
MOST_BYTES_HELD = 4 * 1024 * 1024
"""Of the pages that are kept until the length of a part is known; more are dropped, and asked for again."""
SHORTER = 0.95
"""A split is worth it if the request of a half spans at most so much of the whole's."""


class PartReader:
    """Reads one planned part of a bot. One thread reads one part; several may read parts of the same bot."""

    def __init__(self, bot: Bot, planner: Planner, planned: Planned, parts_at_once: Callable[[], int] | None = None):
        """`parts_at_once`: how many parts are worth reading side by side, once pages have shown the server's speed."""
        self._parts_at_once = parts_at_once
        self._bot, self._planner = bot, planner
        self._planned = planned
        self._received = RowsReceived(bot)
        self._largest = self._unsettled = 0
        self._first_rows: list[Row] = []
        self._began = bot.now()
        self._questions = Questions(bot, planner.window, self._received.ids)

    def rows(self) -> Iterator[Row | None]:
        """The part's own rows, each once, and None behind those of each page; when it ends, the part is settled and
        the planner knows.

        Raises CannotRead, or what the server's last refusal or fault stands for. Blocks while a request is under way.
        """
        bot, planner, scope = self._bot, self._planner, self._bot.scopes.all[0]
        has_adopted = False
        while True:
            first, held = self._measured(scope)
            part = self._planned.part
            wanted = self._questions.ask(first)
            yield from self._settled(part, scope, first, held)
            for other in bot.scopes.all[1:]:
                yield from self._settled(part, other)
            if self._received.own and self._complete_until(first.asking) < part.after:
                bot.verify_bounds(first.asking, self._first_rows)
            missing = self._questions.missing(part, wanted)
            form = first.asking.form
            if missing and not has_adopted and not bot.has_given_rows(form):
                # First it is taken for a matter of the format, and of the page, then of the scope.
                has_adopted = True
                bot.page_size.nothing_for(DOCUMENTED + 1, DOCUMENTED)
                found = next((asked.form for asked in missing if asked.form.dates == form.dates), None)
                bot.adopt(found or replace(next(iter(missing)).form, until_now=False))
                continue
            missing = yield from self._still_missing(part, scope, missing)
            if not missing:
                wanted = self._questions.about_channels(first.asking, part, self._received.own > 0)
                missing = yield from self._still_missing(part, scope, self._questions.missing(part, wanted))
            if missing:
                yield from self._widened(part, first.asking, missing)
            until = self._complete_until(first.asking)
            if until < part.after:
                planner.hold(until)
            planner.is_read(part, self._received.own, self._largest, self._received.spread)
            return

    def _still_missing(self, part: Part, scope: Scope, missing: Answers) -> Generator[Row | None, None, Answers]:
        """What is missing when the part is read, and asked, again: rows may have arrived since, or be gone."""
        if not missing:
            return missing
        yield from self._settled(part, scope)
        return self._questions.still_missing(part, missing, self._began)

    def _complete_until(self, asking: Asking) -> int:
        """Before this moment, no row of the part can have been hidden from a request. -> padding.py"""
        after, reaches = self._planned.part.after, asking.span.date_to
        if self._bot.is_verified(asking.form):
            return after if reaches >= min(self._began, after + CALL) else min(after, reaches - CALL)
        shown = max(min(reaches, self._bot.now()) - self._bot.most_cut(asking.form), self._received.newest_start)
        return min(after, shown - CALL)

    def _widened(self, part: Part, asking: Asking, missing: Answers) -> Iterator[Row | None]:
        """The part's rows in all scopes. Raises CannotRead if even that does not bring what is missing."""
        read: list[Scope] = []
        while scope := next((scope for scope in self._widen() if scope not in read), None):
            yield from self._settled(part, scope)
            read.append(scope)
            self._questions.try_a_list(asking)  # Once rows of a channel have come.
        before = {row_id for rows in missing.values() for row_id in rows}
        if any(
            row_id in before and part.holds(time)
            for rows in self._questions.still_missing(part, missing, self._began).values()
            for row_id, time in rows.items()
        ):
            raise CannotRead("the API gives some rows only for a small request, and not when the log is read")

    def _widen(self) -> Sequence[Scope]:
        bot = self._bot
        with bot.lock:
            is_wide = len(bot.scopes.all) > 1
            bot.scopes.widen()
        if not is_wide:
            logger.warning(
                "Bot %s: the API gives some rows only when it is asked for them; reading it in %d ways. Channels "
                "that Kore.ai does not document must be named in `channels`.", bot.id, len(bot.scopes.all),
            )  # fmt: skip
        return bot.scopes.all

    # Length

    def _measured(self, scope: Scope) -> tuple[Pass, Iterator[list[Row]]]:
        """The first pass over the part, as long as it is to be, and the pages of it."""
        bot, planner = self._bot, self._planner
        while True:
            planned = self._planned
            first = self._pass(planned.part, scope)
            pages = iter(first)
            held = list(islice(pages, 1))
            seen = self._first_rows = [row.without_record for page in held for row in page]
            form = first.asking.form
            if seen and form.until_now and self._complete_until(first.asking) < planned.part.after:
                ahead = replace(form, until_now=False)
                if bot.verify_bounds(first.asking, seen):
                    if self._complete_until(first.asking) < planned.part.after:
                        continue  # Now that its zone is known, a request may reach up to now.
                elif is_row_given(bot, first.in_format(ahead)):
                    bot.adopt(ahead)
                    continue
            if not planner.is_unmeasured(planned):
                return first, chain(held, pages)
            is_long: bool | None = None
            is_dropped = False
            while is_long is None:
                if first.bytes > MOST_BYTES_HELD:  # They are not counted by the sync's backpressure any more.
                    held, is_dropped = [], True
                more = next(pages, None)
                held.append(more or [])
                if not more:
                    break
                seen += [row.without_record for row in more]
                is_long = planner.is_to_be_measured(planned, first.asking.span.length, first.pages, seen, first.largest)
            for row in seen:
                self._received.given(scope, row)
            was, is_verified = first.asking.span, bot.is_verified(first.asking.form)
            if is_long:
                is_verified = bot.verify_bounds(first.asking, seen)
                planner.padding = VERIFIED if is_verified else UNVERIFIED
                if self._parts_at_once is not None:
                    planner.side_by_side = self._parts_at_once()
                if self._is_worth_a_cut(planned.part) and self._has_row_at(planner.question(first.largest), first):
                    self._planned = planner.cut(planned.part, seen)
                    continue
            if is_long or is_dropped:
                planner.measured(planned.part, seen)
            if is_dropped or (is_long and is_verified and padded(planned.part, True).length < SHORTER * was.length):
                continue
            return first, chain(held, pages)

    def _has_row_at(self, skip: int, first: Pass) -> bool:
        answer, _ = self._bot.page(first.asking, skip, least=2)
        return isinstance(answer, Page) and any(row.id not in first.seen for row in answer.rows)

    def _is_worth_a_cut(self, part: Part) -> bool:
        return self._can_be_split(part) and part.length >= 2 * self._planner.shortest

    def _can_be_split(self, part: Part) -> bool:
        """Whether a half's request spans notably less than the whole's."""
        if part.length < 2:
            return False
        form = self._bot.form
        half = part.halves()[0]
        if not form.tells_the_time and form.date(half.start) == form.date(part.after):
            return False
        is_verified = self._bot.is_verified(form)
        return padded(half, is_verified).length <= SHORTER * padded(part, is_verified).length

    def _pass(self, part: Part, scope: Scope, limit: int | None = None) -> Pass:
        most = MOST_PAGES_A_PART if self._is_worth_a_cut(part) else MOST_PAGES_OF_THE_SHORTEST
        return Pass(self._bot, part, scope, most, limit, not self._can_be_split(part), self._began)

    # Passes

    def _settled(
        self, part: Part, scope: Scope, first: Pass | None = None, pages: Iterator[list[Row]] | None = None
    ) -> Iterator[Row | None]:
        """The part's rows in this scope that were not yielded yet; ends when it is settled, in halves if need be."""
        known, equal = IdSet(), Counter[str]()
        last: Pass | None = None
        idle = 0
        for number in range(MOST_PASSES_IN_ALL):
            if idle == MOST_PASSES:
                break
            limit = max(2, self._largest // 2, self._largest - number * max(1, self._largest // 16)) if number else None
            now = first if first and number == 0 else self._pass(part, scope, limit)
            fresh, began = 0, self._bot.counts["requests"]
            for page in pages if pages and number == 0 else now:
                for row in page:
                    known.add(row.id)
                    if self._received.emits(row, part, scope):
                        fresh += 1
                        yield row
                yield None
            last = now
            idle += not fresh or number == 0
            if now.end is End.AGAIN:
                continue
            if not now.received and self._received.has_given(scope, part):
                continue  # That it has none now cannot be the end of them.
            self._largest = max(self._largest, now.largest)
            with self._bot.lock:
                self._bot.counts.update(passes=1, received=now.received, repeated=now.received - len(now.seen))
            if now.end is not End.SEEN:
                if now.end is not End.MOVING and self._can_be_split(part):
                    break
                continue  # Rows may have been deleted, or have come.
            equal |= now.equal
            is_at_rest = not now.moved or (number > 0 and now.positions <= len(known) + equal.total())
            if is_at_rest and (number == 0 or not fresh):
                if now.hides_rows(self._received.ids):
                    break
                return
            self._bot.verify_bounds(now.asking, self._first_rows)  # Then the newest rows come into no request.
            if (self._bot.counts["requests"] - began) % 2 == 0:
                # An order that turns at every other request must not look the same to the next pass.
                self._bot.page(now.asking, 0)
        assert last is not None
        yield from self._split(part, scope, last)

    def _split(self, part: Part, scope: Scope, last: Pass) -> Iterator[Row | None]:
        bot = self._bot
        bot.verify_bounds(last.asking, self._first_rows)
        self._unsettled += last.moved or last.end is End.MOVING
        if not self._can_be_split(part) or self._unsettled > MOST_UNSETTLED:
            form = last.asking.form
            raise CannotRead(
                f"the rows from {form.date(part.start)} to {form.date(part.after)} cannot be read to the end: "
                f"{End.MOVING.value if last.moved or last.end is End.SEEN else last.end.value}. They are read again at "
                "the next sync; if this goes on, narrow the sync by `channels` or `feature_names`",
                is_transient=True,
            )
        with bot.lock:
            bot.counts["splits"] += 1
        for half in part.halves():
            yield from self._settled(half, scope)
