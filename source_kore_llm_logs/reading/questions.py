"""Small questions whether all rows come: asked before a part is read, or after it, and answered by it. -> scopes.py"""

import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeAlias

from source_kore_llm_logs.reading.bot import Asking, Bot
from source_kore_llm_logs.reading.fetch import Answer, Page, Refused, TooLarge, Unavailable
from source_kore_llm_logs.reading.format_search import other_dates
from source_kore_llm_logs.reading.id_set import IdSet
from source_kore_llm_logs.reading.one_pass import Pass
from source_kore_llm_logs.reading.padding import LONGEST_PART
from source_kore_llm_logs.reading.page_size import DOCUMENTED
from source_kore_llm_logs.reading.part import DAY, Part
from source_kore_llm_logs.reading.scopes import DOCUMENTED_CHANNELS, Channels, Scope

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
        other = other_dates(asking.form)[0]
        exact = asking.form if asking.form.tells_the_time else other
        ways = [
            first.in_format(replace(exact, until_now=True, integers=True)),
            first.in_format(replace(other if exact == asking.form else asking.form, until_now=False)),
        ]
        scopes += channels
        if self._window.length > DAY:  # That there is no row at all would be strange.
            ways.append(first.in_format(replace(other, until_now=True)))
            return self._answers(part, [way._replace(scope=scope) for scope in scopes for way in ways])
        return self._answers(part, [way._replace(scope=scope) for scope, way in zip(scopes, ways, strict=False)])

    def missing(self, part: Part, wanted: Answers) -> Answers:
        """The rows of answers that the part did not give. Questions that had failed are asked once more."""
        again, self._unanswered = self._unanswered, []
        return self._absent({**wanted, **self._answers(part, again)})

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

    def about_channels(self, asking: Asking, part: Part, are_rows_own: bool) -> Answers:
        """What the questions give that come after a part, which was read as `asking` says; `are_rows_own`: and has rows
        of its own. They are asked channel by channel where the server does not heed a list."""
        answers: Answers = {}
        before: list[Scope] = []
        while self._bot.has_given_rows(asking.form):
            with self._bot.lock:
                scopes = self._bot.scopes.questions_for_channels()
            if scopes == before:
                break
            before = scopes
            answers = self._answers(
                part, [asking._replace(scope=scope) for scope in scopes if not self._is_silent(part, scope, asking)]
            )
            if are_rows_own:
                self.try_a_list(asking)
        return answers

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

    def still_missing(self, part: Part, missing: Answers, present: int) -> Answers:
        """What is missing when asked again, with the padding that is right by now, if now is `present`. A question that
        fails now has been answered before, and that stands."""
        still: Answers = {}
        for asked, rows in missing.items():
            form = self._bot.form  # Filters may have been seen to be ignored in another spelling.
            form = replace(asked.form, user_ids=form.user_ids, channel_user_ids=form.channel_user_ids)
            again = self._bot.asking(part, asked.scope, form, present)
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
        for question in questions:
            asked, answer = self._answer(part, question)
            channels = None if bot.filters.get("channels") else asked.scope.channels
            if isinstance(answer, Page):
                answers[asked] = {row.id: row.time for row in answer.rows}
            elif isinstance(answer, TooLarge) and not bot.has_given_rows(bot.form):
                answers[asked] = {UNSEEN: None}
            elif isinstance(answer, Refused) and isinstance(channels, tuple) and len(channels) > 1:
                if bot.scopes.documented == [DOCUMENTED_CHANNELS]:
                    self._ask_one_by_one(asked)
                answers |= self._answers(part, self._one_by_one(part, asked.scope))
            else:
                logger.warning("Bot %s: whether the API leaves rows out was not answered: %s", bot.id, answer.words)
                self._unanswered.append(asked)
        return answers

    def _ask_one_by_one(self, asked: Asking) -> None:
        """Learns that lists of channels are not heeded, whether a list of one is taken, and which channels are."""
        bot = self._bot
        logger.info("Bot %s: the API does not heed a list of channels; asking for them one by one.", bot.id)
        for as_text in (False, True):
            singles = [name if as_text else (name,) for name in DOCUMENTED_CHANNELS]
            taken = [single for single in singles if self._takes(asked, single)]
            if taken:
                break
        with bot.lock:
            bot.scopes.ask_one_by_one(taken)

    def _takes(self, asked: Asking, channels: Channels | str) -> bool:
        """Raises what a fault stands for: it is no answer."""
        one = asked._replace(scope=Scope(asked.scope.developer, channels), form=self._bot.form)
        answer = self._bot.ask(one, 0, 1, is_question=True)
        if isinstance(answer, Unavailable):
            raise answer.error
        return not isinstance(answer, Refused)

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

    def _answer(self, part: Part, asked: Asking) -> tuple[Asking, Answer]:
        """Asks; if that is refused, with numbers as text, smaller, and in the format that is in use. What was asked in
        the end, and its answer."""
        bot = self._bot
        limit = min(DOCUMENTED, bot.page_size.limit) if bot.has_given_rows(bot.form) else 1
        answer = bot.ask(asked, 0, limit, is_question=True)
        if isinstance(answer, Refused) and asked.form.integers and not bot.form.integers:
            asked = asked._replace(form=replace(asked.form, integers=False))
            answer = bot.ask(asked, 0, limit, is_question=True)
        if isinstance(answer, Refused | TooLarge):
            answer = bot.ask(asked, 0, 1, is_question=True)
        if isinstance(answer, Refused) and asked.form != bot.form:
            asked = bot.asking(part, asked.scope, bot.form)
            answer = bot.ask(asked, 0, 1, is_question=True)
        return asked, answer
