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
        """What the questions that come before a part give, in the format of the pass. If nothing is known of that, all
        are asked, in different ways: with the dates of the pass, and with those of the vendor's sample; up to now, and
        beyond."""
        bot, asking, part = self._bot, first.asking, first.part
        with bot.lock:
            scopes = bot.scopes.question_for_users()
            channels = bot.scopes.questions_for_channels()
        if bot.has_given_rows(asking.form):
            return self._answers(part, [asking._replace(scope=scope) for scope in scopes])
        other = first.other_dates[0]
        exact = asking.form if asking.form.tells_the_time else other
        ways = [
            first.in_format(replace(exact, until_now=True)),
            first.in_format(replace(other if exact == asking.form else asking.form, until_now=False)),
        ]
        scopes += channels
        if self._window.length > DAY:  # That there is no row at all would be strange.
            ways.append(first.in_format(replace(other, until_now=True)))
            return self._answers(part, [way._replace(scope=scope) for scope in scopes for way in ways])
        return self._answers(part, [way._replace(scope=scope) for scope, way in zip(scopes, ways, strict=False)])

    def missing(self, asking: Asking, part: Part, wanted: Answers, are_rows_own: bool) -> Answers:
        """The rows of answers that the part, which was read as `asking` says, did not give. Questions that had failed
        are asked once more; if nothing is missing, those that come after a part. `are_rows_own`: it has rows of its
        own."""
        again, self._unanswered = self._unanswered, []
        absent = self._absent({**wanted, **self._answers(part, again)})
        if not absent and self._bot.has_given_rows(asking.form):
            absent = self._absent(self._channels(asking, part, are_rows_own))
        return absent

    def _absent(self, wanted: Answers) -> Answers:
        absent = {}
        for asked, rows in wanted.items():
            left = {row_id: time for row_id, time in rows.items() if not row_id or row_id not in self._received}
            if left:
                absent[asked] = left
            elif rows:
                with self._bot.lock:
                    self._bot.scopes.came(asked.scope)
        return absent

    def _channels(self, asking: Asking, part: Part, are_rows_own: bool) -> Answers:
        """What the questions for channels give; asked one by one where the server does not heed a list."""
        answers: Answers = {}
        before: list[Scope] = []
        while True:
            with self._bot.lock:
                scopes = self._bot.scopes.questions_for_channels()
            if scopes == before:
                return answers
            before = scopes
            answers = self._answers(
                part, [asking._replace(scope=scope) for scope in scopes if not self._is_silent(part, scope, asking)]
            )
            if are_rows_own:
                self.try_a_list(asking)

    def try_a_list(self, asking: Asking) -> None:
        """Learns, once for a bot, whether the server heeds a list of channels."""
        bot = self._bot
        with bot.lock:
            trial = bot.scopes.trial_of_a_list()
        if trial is None:
            return
        answer = bot.ask(asking._replace(scope=trial), 0, min(DOCUMENTED, bot.page_size.limit), is_question=True)
        with bot.lock:
            if isinstance(answer, Page) and any(map(bot.scopes.is_shown, answer.rows)):
                bot.scopes.heeds_lists = True
                return
        self._ask_one_by_one(asking)

    def still_missing(self, part: Part, missing: Answers) -> Answers:
        """What is missing when asked again, with the padding that is right by now. A question that fails now has been
        answered before, and that stands."""
        still: Answers = {}
        for asked, rows in missing.items():
            again = self._bot.asking(part, asked.scope, asked.form)
            still |= self._answers(part, [again]) or {asked: rows}
        self._unanswered = []
        return self._absent(still)

    def _is_silent(self, part: Part, scope: Scope, asking: Asking) -> bool:
        """Whether no row is there for a question, in as long a stretch as can be asked for: its parts need not ask."""
        bot = self._bot
        if scope.channels is None:
            return False  # It asks for all users' rows: there will be some.
        with bot.lock:
            silent = bot.scopes.silence(scope) or Part(part.start, part.start)
        if not silent.start <= part.start <= silent.after:
            silent = Part(part.start, part.start)
        if part.after <= silent.after:
            return True
        start = silent.after
        stretch = Part(start, min(start + LONGEST_PART, self._window.after))
        if stretch.after <= part.after:
            return False
        answers = self._answers(part, [bot.asking(stretch, scope, asking.form)])
        if not answers or any(answers.values()):
            return False
        with bot.lock:
            bot.scopes.silent[scope] = Part(silent.start, stretch.after)
        return True

    def _answers(self, part: Part, questions: Iterable[Asking]) -> Answers:
        """The rows that questions give now. One that fails is a line in the log."""
        bot, answers = self._bot, Answers()
        for asked in questions:
            answer = self._answer(part, asked)
            channels = None if bot.filters.get("channels") else asked.scope.channels
            if isinstance(answer, Page):
                answers[asked] = {row.id: row.time for row in answer.rows}
            elif isinstance(answer, TooLarge) and not bot.has_given_rows(bot.form):
                answers[asked] = {UNSEEN: None}
            elif isinstance(answer, Refused) and bot.scopes.documented == [DOCUMENTED_CHANNELS] and channels:
                self._ask_one_by_one(asked)
                answers |= self._answers(part, self._one_by_one(part, asked.scope))
            elif isinstance(answer, Refused) and channels in bot.scopes.documented:
                with bot.lock:
                    bot.scopes.documented.remove(channels)  # This channel is not known there.
            else:
                logger.warning("Bot %s: whether the API leaves rows out was not answered: %s", bot.id, answer.words)
                self._unanswered.append(asked)
        return answers

    def _ask_one_by_one(self, asked: Asking) -> None:
        """Learns that lists of channels are not heeded, and whether a list of one is taken."""
        bot = self._bot
        one = Scope(True, DOCUMENTED_CHANNELS[:1])
        answer = bot.ask(asked._replace(scope=one, form=bot.form), 0, 1, is_question=True)
        with bot.lock:
            bot.scopes.ask_one_by_one(as_text=isinstance(answer, Refused))
        logger.info("Bot %s: the API does not heed a list of channels; asking for them one by one.", bot.id)

    def _one_by_one(self, part: Part, scope: Scope) -> list[Asking]:
        """The questions that ask for each channel of a scope by itself."""
        bot = self._bot
        with bot.lock:
            singles = list(bot.scopes.documented)
        return [
            bot.asking(part, Scope(scope.developer, single), bot.form)
            for single in singles
            if (single if isinstance(single, str) else single[0]) in (scope.channels or ())
        ]

    def _answer(self, part: Part, asked: Asking) -> Answer:
        """Asks; if that is refused, smaller, and in the format that is in use."""
        bot = self._bot
        answer = bot.ask(asked, 0, min(DOCUMENTED, bot.page_size.limit), is_question=True)
        if isinstance(answer, Refused | TooLarge):
            answer = bot.ask(asked, 0, 1, is_question=True)
        if isinstance(answer, Refused) and asked.form != bot.form:
            answer = bot.ask(bot.asking(part, asked.scope, bot.form), 0, 1, is_question=True)
        return answer
