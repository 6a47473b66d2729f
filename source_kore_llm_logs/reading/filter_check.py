"""Asks whether a filter took effect, where rows give reason to doubt it. -> filters.py"""

from collections.abc import Sequence
from typing import Any

from source_kore_llm_logs.reading.bot import Asking, Bot
from source_kore_llm_logs.reading.fetch import CannotRead, Page, Refused, Row, TooLarge
from source_kore_llm_logs.reading.filters import NOBODY, disagreement, is_told_by_a_column


def are_filters_heeded(bot: Bot, asking: Asking, rows: Sequence[Row], skip: int, limit: int) -> bool:
    """Whether these rows of a page can be kept. False: the format has changed, and the pass begins again.

    Blocks while it asks. Raises CannotRead, which names the filter, if the server ignores it in each of its spellings;
    and what a fault or a refusal of that question stands for.
    """
    form = asking.form
    while rows:
        with bot.lock:
            doubted = {field: chosen for field, chosen in bot.filters.items() if form.key(field) not in bot.heeded}
        field = disagreement(doubted, rows) or next((name for name in doubted if not is_told_by_a_column(name)), None)
        if field is None:
            break
        if _is_ignored(bot, field, asking, rows, skip, limit):
            if bot.respell(field, form):
                return False
            raise CannotRead(
                f"the API ignores the filter `{field}`, and gives rows that were not chosen. Remove `{field}` from the "
                "configuration, and filter the rows in your warehouse"
            )
        with bot.lock:
            bot.heeded.add(form.key(field))
    return True


def _is_ignored(bot: Bot, field: str, asking: Asking, rows: Sequence[Row], skip: int, limit: int) -> bool:
    answer = bot.ask(asking, skip, limit, without=field, is_question=True)
    while isinstance(answer, TooLarge) and limit > 1:
        limit //= 2
        answer = bot.ask(asking, skip, limit, without=field, is_question=True)
    if not isinstance(answer, Page):
        raise answer.error
    is_same = [row.id for row in answer.rows] == [row.id for row in rows[:limit]]
    if is_same and is_told_by_a_column(field):
        return True
    # Other rows may have come for having moved; the same rows may all be those of the chosen users.
    nobodys: dict[str, Any] = {asking.form.key(field): NOBODY if field == "task_id" else [NOBODY]}
    answer = bot.ask(asking, 0, 1, is_question=True, **nobodys)
    if not isinstance(answer, Page | Refused):
        raise answer.error
    return isinstance(answer, Page) and bool(answer.rows)
