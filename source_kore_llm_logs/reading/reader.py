"""How one part of a bot's log is read whole.

1. The part gets its length: where more pages come than were expected, the planner is asked to cut it. -> planner.py
2. A pass reads the span of the part. -> one_pass.py
3. The part is settled if nothing moved in its first pass. Else passes go on until one brings no row of the part that is
   not known yet, and either nothing moved in it, or as many different rows are known as it received, or it brought the
   very sequence of the pass before. The last two are for orders that change among ties, and for equal rows.
4. Where that does not come about, the part is split, as long as that makes the request shorter; else the reader raises.
5. What a question showed to be there must have come. -> scopes.py

A row is yielded when it is first received, and once. Only a part that is settled is checkpointed.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import TypeAlias

from source_kore_llm_logs.reading.bot import Asking, Bot
from source_kore_llm_logs.reading.fetch import CannotRead, Page, Refused, Row, TooLarge
from source_kore_llm_logs.reading.id_set import IdSet
from source_kore_llm_logs.reading.one_pass import End, Pass
from source_kore_llm_logs.reading.padding import LONGEST_PART, UNVERIFIED, VERIFIED, padded
from source_kore_llm_logs.reading.page_size import DOCUMENTED
from source_kore_llm_logs.reading.part import DAY, Part
from source_kore_llm_logs.reading.planner import MOST_PAGES_A_PART, Planned, Planner
from source_kore_llm_logs.reading.scopes import Scope

logger = logging.getLogger("airbyte")

Answers: TypeAlias = dict[Asking, list[str]]
"""Questions and the ids of the rows that they gave."""

MOST_PASSES = 5
MOST_UNSETTLED = 2
"""So many pieces of one part may be split because rows kept moving in them; then the reader raises."""
MOST_PAGES_OF_THE_SHORTEST = 20_000
"""Of a part whose request cannot be made shorter."""
UNSEEN = ""
"""Stands for a row that is there, as one row is too many, of a bot that has given none."""
SHORTER = 0.95
"""A split is worth it if the request of a half spans at most so much of the whole's."""


class PartReader:
    """Reads one planned part of a bot. One thread reads one part; several may read parts of the same bot."""

    def __init__(self, bot: Bot, planner: Planner, planned: Planned):
        self._bot, self._planner = bot, planner
        self._planned = planned
        self._received, self._emitted = IdSet(), IdSet()
        self._own = self._largest = self._unsettled = 0
        self._times: tuple[int, ...] = ()
        """Of the first and the last of the part's own rows."""
        self._unanswered: tuple[Asking, ...] = ()
        """Questions that failed. They are asked once more when the part is read."""

    def rows(self) -> Iterator[Row | None]:
        """The part's own rows, each once, and None behind those of each page; when it ends, the part is settled and
        the planner knows.

        Raises CannotRead, or what the server's last refusal or fault stands for. Blocks while a request is under way.
        """
        bot, scope = self._bot, self._bot.scopes.all[0]
        measured, has_adopted = self._measured(scope), False
        while measured is not None:
            first, held = measured
            part = self._planned.part
            wanted = self._questions(first)
            yield from self._settled(part, scope, first, held)
            for other in bot.scopes.all[1:]:
                yield from self._settled(part, other)
            missing = self._missing({**wanted, **self._answers(self._unanswered)})
            found_in = {asked.form.dates for asked in missing}
            if missing and not has_adopted and first.asking.form.dates not in found_in:
                has_adopted = True
                bot.adopt(replace(next(iter(missing)).form, until_now=False))
                measured = self._measured(scope)
                continue
            if missing:
                # They may have arrived since, or be gone: the part is read, and asked, again.
                yield from self._settled(part, scope)
                missing = self._still_missing(part, missing)
            if missing:
                yield from self._widened(part, missing)
            self._is_read(part)
            return

    def _is_read(self, part: Part) -> None:
        """Tells the planner. Where the bot gave no row at all, nothing says that the newest would be shown."""
        bot, planner = self._bot, self._planner
        until = bot.now() - UNVERIFIED
        if part.after > until and not bot.has_given_rows(bot.form):
            left = planner.end_early(part, until)
            if left is None:
                return
            part = left
        spread = max(self._times) - min(self._times) if self._times else 0
        planner.is_read(part, self._own, self._largest, spread)

    def _widened(self, part: Part, missing: Answers) -> Iterator[Row | None]:
        """The part's rows in all scopes. Raises CannotRead if even that does not bring what is missing."""
        bot = self._bot
        with bot.lock:
            bot.scopes.widen()
        logger.warning(
            "Bot %s: the API gives some rows only when it is asked for them; reading it in %d ways. Channels that "
            "Kore.ai does not document must be named in `channels`.", bot.id, len(bot.scopes.all),
        )  # fmt: skip
        for scope in bot.scopes.all:
            yield from self._settled(part, scope)
        before = {row_id for ids in missing.values() for row_id in ids}
        if any(not before.isdisjoint(ids) for ids in self._still_missing(part, missing).values()):
            raise CannotRead("the API gives some rows only for a small request, and not when the log is read")

    # Length

    def _measured(self, scope: Scope) -> tuple[Pass, Iterator[list[Row]]] | None:
        """The first pass over the part, as long as it is to be, and the pages of it. None if none of it can be read."""
        bot, planner = self._bot, self._planner
        while True:
            planned = self._planned
            first = self._pass(planned.part, scope)
            pages = iter(first)
            held = list(islice(pages, 1))
            seen = [row for page in held for row in page]
            if first.complete_until < planned.part.after and not bot.verify_bounds(first.asking, seen):
                ahead = replace(first.asking.form, until_now=False)
                if seen and first.gives(ahead):
                    bot.adopt(ahead)
                    continue
                left = planner.end_early(planned.part, first.complete_until)
                logger.warning(
                    "Bot %s: rows after %s are left to a later sync, because the API takes no date in the future and "
                    "may hide the last hours.", bot.id, first.asking.form.date(first.complete_until),
                )  # fmt: skip
                if left is None:
                    return None
                self._planned = Planned(left, planned.pages)
                continue
            is_long: bool | None = None
            while is_long is None:
                more = next(pages, None)
                if not more:
                    return first, chain(held, [more or []], pages)
                held.append(more)
                seen += more
                is_long = planner.is_to_be_measured(planned, first.asking.span.length, len(held), seen, first.largest)
            if not is_long:
                return first, chain(held, pages)
            was = first.asking.span
            is_verified = bot.verify_bounds(first.asking, seen)
            planner.padding = VERIFIED if is_verified else UNVERIFIED
            if self._is_worth_a_cut(planned.part) and self._has_row_at(planner.question(first.largest), first):
                self._planned = planner.cut(planned.part, seen)
                continue
            planner.measured(planned.part, seen)
            if is_verified and padded(planned.part, True).length < SHORTER * was.length:
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

    def _pass(self, part: Part, scope: Scope) -> Pass:
        most_pages = MOST_PAGES_A_PART if self._is_worth_a_cut(part) else MOST_PAGES_OF_THE_SHORTEST
        return Pass(self._bot, part, scope, most_pages, is_last_resort=not self._can_be_split(part))

    # Passes

    def _settled(
        self, part: Part, scope: Scope, first: Pass | None = None, pages: Iterator[list[Row]] | None = None
    ) -> Iterator[Row | None]:
        """The part's rows in this scope that were not yielded yet; ends when it is settled, in halves if need be."""
        known, equal = IdSet(), Counter[str]()
        before = b""
        last: Pass | None = None
        for number in range(MOST_PASSES):
            now = first if first and number == 0 else self._pass(part, scope)
            fresh = 0
            for page in pages if pages and number == 0 else now:
                for row in page:
                    known.add(row.id)
                    if self._is_emitted(row, part):
                        fresh += 1
                        yield row
                yield None
            last = now
            if now.end is End.AGAIN:
                continue
            self._largest = max(self._largest, now.largest)
            with self._bot.lock:
                self._bot.counts.update(passes=1, received=now.received, repeated=now.received - len(now.seen))
            if now.end is not End.SEEN:
                before = b""
                if now.end is not End.MOVING and self._can_be_split(part):
                    break
                continue  # Rows may have been deleted, or have come.
            equal |= now.equal
            if not now.moved and (number == 0 or not fresh):
                return
            if number and not fresh and (now.positions <= len(known) + equal.total() or now.sequence == before):
                return
            before = now.sequence
        assert last is not None
        yield from self._split(part, scope, last)

    def _split(self, part: Part, scope: Scope, last: Pass) -> Iterator[Row | None]:
        bot = self._bot
        if not bot.is_verified(last.asking.form):
            bot.verify_bounds(last.asking, self._sample(last))
        self._unsettled += last.end in (End.SEEN, End.MOVING)
        if not self._can_be_split(part) or self._unsettled > MOST_UNSETTLED:
            form = last.asking.form
            raise CannotRead(
                f"the rows from {form.date(part.start)} to {form.date(part.after)} cannot be read to the end: "
                f"{End.MOVING.value if last.end is End.SEEN else last.end.value}. They are read again at "
                "the next sync; if this goes on, narrow the sync by `channels` or `feature_names`",
                is_transient=True,
            )
        with bot.lock:
            bot.counts["splits"] += 1
        for half in part.halves():
            yield from self._settled(half, scope)

    def _sample(self, last: Pass) -> list[Row]:
        answer, _ = self._bot.page(last.asking, 0)
        return answer.rows if isinstance(answer, Page) else []

    def _is_emitted(self, row: Row, part: Part) -> bool:
        """Whether the row is to be yielded: it is the part's own, or nobody's, and new."""
        self._received.add(row.id)
        bot = self._bot
        if row.time is None:
            with bot.lock:
                is_new = bot.undated.add(row.id)
        elif part.owns(row):
            is_new = self._emitted.add(row.id)
            self._own += is_new
            self._times = (min(row.time, *self._times), max(row.time, *self._times)) if self._times else (row.time,)
        else:
            is_new = False
            if row.time > bot.now():
                with bot.lock:
                    bot.ahead.add(row.id)
        return is_new

    # Questions

    def _questions(self, first: Pass) -> Answers:
        """What the part's questions give now, in the format of the pass. If nothing is known of that, the questions go
        different ways: with the dates of the pass, and with those of the vendor's sample; up to now, and beyond."""
        bot, asking = self._bot, first.asking
        is_thorough = self._planner.window.length > DAY
        is_known = bot.has_given_rows(asking.form)
        with bot.lock:
            scopes = bot.scopes.questions()
        if is_known:
            return self._answers(
                asking._replace(scope=scope) for scope in scopes if not self._is_silent(asking._replace(scope=scope))
            )
        other = first.other_dates[0]
        exact = asking.form if asking.form.tells_the_time else other
        ways = [
            first.in_format(replace(exact, until_now=True)),
            first.in_format(replace(other if exact == asking.form else asking.form, until_now=False)),
        ]
        if is_thorough:  # That there is no row at all would be strange.
            ways.append(first.in_format(replace(other, until_now=True)))
            return self._answers(way._replace(scope=scope) for scope in scopes for way in ways)
        return self._answers(way._replace(scope=scope) for scope, way in zip(scopes, ways, strict=False))

    def _is_silent(self, asked: Asking) -> bool:
        """Whether no row is there for a question, in as long a stretch as can be asked for: its parts need not ask."""
        bot, part, scope = self._bot, self._planned.part, asked.scope
        with bot.lock:
            silent = bot.scopes.silent.get(scope, Part(part.start, part.start))
        if silent.start <= part.start and part.after <= silent.after:
            return True
        if scope.channels is None:
            return False  # It asks for all users' rows: there will be some.
        start = max(part.start, silent.after)
        stretch = Part(start, min(start + LONGEST_PART, self._planner.window.after))
        if stretch.after <= part.after or any(
            self._answers([self._pass(stretch, scope).in_format(asked.form)]).values()
        ):
            return False
        with bot.lock:
            bot.scopes.silent[scope] = Part(min(silent.start, stretch.start), stretch.after)
        return True

    def _answers(self, questions: Iterable[Asking]) -> Answers:
        """The ids that questions give now. One that fails is a line in the log."""
        bot, answers = self._bot, {}
        for asked in questions:
            answer = bot.ask(asked, 0, min(DOCUMENTED, bot.page_size.most), is_question=True)
            if isinstance(answer, Refused | TooLarge):
                answer = bot.ask(asked, 0, 1, is_question=True)
            if isinstance(answer, Page):
                answers[asked] = [row.id for row in answer.rows]
            elif isinstance(answer, TooLarge) and not bot.has_given_rows(bot.form):
                answers[asked] = [UNSEEN]
            else:
                logger.info("Bot %s: whether the API leaves rows out was not answered: %s", bot.id, answer.words)
                self._unanswered = (*self._unanswered, asked)
        return answers

    def _still_missing(self, part: Part, missing: Answers) -> Answers:
        """What is missing when asked again, with the padding that is right by now. A question that fails now has been
        answered before, and that stands."""
        still: Answers = {}
        for asked, ids in missing.items():
            still |= self._answers([self._pass(part, asked.scope).in_format(asked.form)]) or {asked: ids}
        return self._missing(still)

    def _missing(self, wanted: Answers) -> Answers:
        missing = {}
        for asked, ids in wanted.items():
            absent = [row_id for row_id in ids if row_id == UNSEEN or row_id not in self._received]
            if absent:
                missing[asked] = absent
            elif ids:
                with self._bot.lock:
                    self._bot.scopes.came(asked.scope)
        return missing
