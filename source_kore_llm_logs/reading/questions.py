"""Small questions whether all rows come: asked before a part is read, and answered by it. -> scopes.py"""

import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeAlias

from source_kore_llm_logs.reading.bot import Asking, Bot
from source_kore_llm_logs.reading.fetch import Answer, Page, Refused, TooLarge
from source_kore_llm_logs.reading.id_set import IdSet
from source_kore_llm_logs.reading.one_pass import Pass
from source_kore_llm_logs.reading.padding import LONGEST_PART
from source_kore_llm_logs.reading.page_size import DOCUMENTED
from source_kore_llm_logs.reading.part import DAY, Part
from source_kore_llm_logs.reading.scopes import DOCUMENTED_CHANNELS, Scope

logger = logging.getLogger("airbyte")

Answers: TypeAlias = dict[Asking, dict[str, int | None]]
"""Questions, and the rows that they gave: id and time."""
UNSEEN = ""
"""Stands for a row that is there, as one row is too many, of a bot that has given none."""


class Questions:
    """The questions about one part. One thread asks them. `received`: the ids of all rows that the part gave so far."""

    def __init__(self, bot: Bot, window: Part, received: IdSet):
        self._bot, self._window, self._received = bot, window, received
        self._unanswered: list[Asking] = []

    def ask(self, first: Pass) -> Answers:
        """What the questions give now, in the format of the pass. If nothing is known of that, they go different ways:
        with the dates of the pass, and with those of the vendor's sample; up to now, and beyond."""
        bot, asking, part = self._bot, first.asking, first.part
        is_thorough = self._window.length > DAY
        is_known = bot.has_given_rows(asking.form)
        with bot.lock:
            scopes = bot.scopes.questions(is_thorough)
        if is_known:
            return self._answers(
                part, [asking._replace(scope=scope) for scope in scopes if not self._is_silent(part, scope, asking)]
            )
        other = first.other_dates[0]
        exact = asking.form if asking.form.tells_the_time else other
        ways = [
            first.in_format(replace(exact, until_now=True)),
            first.in_format(replace(other if exact == asking.form else asking.form, until_now=False)),
        ]
        if is_thorough:  # That there is no row at all would be strange.
            ways.append(first.in_format(replace(other, until_now=True)))
            return self._answers(part, [way._replace(scope=scope) for scope in scopes for way in ways])
        return self._answers(part, [way._replace(scope=scope) for scope, way in zip(scopes, ways, strict=False)])

    def missing(self, part: Part, wanted: Answers) -> Answers:
        """The rows of answers that the part did not give. Questions that had failed are asked once more."""
        again, self._unanswered = self._unanswered, []
        absent = {}
        for asked, rows in {**wanted, **self._answers(part, again)}.items():
            left = {row_id: time for row_id, time in rows.items() if not row_id or row_id not in self._received}
            if left:
                absent[asked] = left
            elif rows:
                with self._bot.lock:
                    self._bot.scopes.came(asked.scope)
        return absent

    def still_missing(self, part: Part, missing: Answers) -> Answers:
        """What is missing when asked again, with the padding that is right by now. A question that fails now has been
        answered before, and that stands."""
        still: Answers = {}
        for asked, rows in missing.items():
            again = self._bot.asking(part, asked.scope, asked.form)
            still |= self._answers(part, [again]) or {asked: rows}
        self._unanswered = []
        return self.missing(part, still)

    def _is_silent(self, part: Part, scope: Scope, asking: Asking) -> bool:
        """Whether no row is there for a question, in as long a stretch as can be asked for: its parts need not ask."""
        bot = self._bot
        if scope.channels is None:
            return False  # It asks for all users' rows: there will be some.
        with bot.lock:
            silent = bot.scopes.silence(scope) or Part(part.start, part.start)
        if silent.start <= part.start and part.after <= silent.after:
            return True
        start = max(part.start, silent.after)
        stretch = Part(start, min(start + LONGEST_PART, self._window.after))
        if stretch.after <= part.after:
            return False
        answers = self._answers(part, [bot.asking(stretch, scope, asking.form)])
        if not answers or any(answers.values()):
            return False
        with bot.lock:
            bot.scopes.silent[scope] = Part(min(silent.start, stretch.start), stretch.after)
        return True

    def _answers(self, part: Part, questions: Iterable[Asking]) -> Answers:
        """The rows that questions give now. One that fails is a line in the log."""
        bot, answers = self._bot, {}
        for asked in questions:
            answer = self._answer(part, asked)
            if isinstance(answer, Page):
                answers[asked] = {row.id: row.time for row in answer.rows}
            elif isinstance(answer, TooLarge) and not bot.has_given_rows(bot.form):
                answers[asked] = {UNSEEN: None}
            else:
                logger.warning("Bot %s: whether the API leaves rows out was not answered: %s", bot.id, answer.words)
                self._unanswered.append(asked)
        return answers

    def _answer(self, part: Part, asked: Asking) -> Answer:
        """Asks; if that is refused, smaller, in the format that is in use, and for the channels that are taken."""
        bot = self._bot
        answer = bot.ask(asked, 0, min(DOCUMENTED, bot.page_size.most), is_question=True)
        if isinstance(answer, Refused | TooLarge):
            answer = bot.ask(asked, 0, 1, is_question=True)
        if isinstance(answer, Refused) and asked.form != bot.form:
            answer = bot.ask(bot.asking(part, asked.scope, bot.form), 0, 1, is_question=True)
        if isinstance(answer, Refused) and asked.scope.channels and bot.scopes.documented is DOCUMENTED_CHANNELS:
            one_by_one = [
                bot.asking(part, Scope(asked.scope.developer, (name,)), bot.form) for name in DOCUMENTED_CHANNELS
            ]
            taken = [one for one in one_by_one if isinstance(bot.ask(one, 0, 1, is_question=True), Page)]
            with bot.lock:
                bot.scopes.documented = tuple(one.scope.channels[0] for one in taken if one.scope.channels)
            names = tuple(name for name in asked.scope.channels if name in bot.scopes.documented)
            if names:
                answer = bot.ask(
                    bot.asking(part, Scope(asked.scope.developer, names), bot.form), 0, 1, is_question=True
                )
        return answer
