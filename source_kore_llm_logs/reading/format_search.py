"""In which format a bot gives rows, where an empty page was not to be believed."""

from collections.abc import Callable
from dataclasses import replace

from source_kore_llm_logs.reading.bot import Asking, Bot
from source_kore_llm_logs.reading.fetch import Page, Refused
from source_kore_llm_logs.reading.request_format import RequestFormat

InFormat = Callable[[RequestFormat], Asking]
"""How a part is asked for in a format."""


def where_rows_are(bot: Bot, in_format: InFormat, asking: Asking, limit: int) -> RequestFormat | None:
    """The format in which one row is given, where `asking` was given none for `limit`; None if there is none.

    Where it is the format of `asking`, `limit` was at fault, and a smaller one is asked for from now on. Blocks while
    it asks. Raises what a fault stands for: it is no confirmation.
    """

    def gives(form: RequestFormat) -> bool | None:
        return is_row_given(bot, in_format(form))

    form = asking.form
    has_given = bot.has_given_rows(form)
    is_ahead = asking.span.date_to > bot.now() and not bot.has_given_rows_ahead(form)
    present = probe = replace(form, until_now=form.until_now or is_ahead)
    if form.tells_the_zone and not has_given:
        probe = replace(present, dates="seconds")  # As the known client writes them.
    if limit > 1 or probe != form:
        answer = gives(probe)
        if answer is None and probe != present:
            probe = present
            answer = gives(present)
        if answer:
            others = (form, present, replace(probe, until_now=False))
            found = next((other for other in others if other != probe and gives(other)), probe)
            if found == form:
                bot.page_size.nothing_for(limit, limit // 2)
            return found
    if has_given:
        return None
    left = bot.formats_left(form, is_ahead)
    for found in left or other_dates(form):
        answer = gives(found)
        if answer is None and is_ahead and not found.until_now:
            found = replace(found, until_now=True)
            answer = gives(found)
        if answer:
            finer = replace(found, dates="seconds")
            return finer if found != finer and gives(finer) else found
        if answer is False and not left:
            break
    return None


def other_dates(form: RequestFormat) -> list[RequestFormat]:
    """The formats with other ways to write dates than this one has; the vendor's sample's first."""
    return [replace(form, dates=dates) for dates in ("day", "seconds") if dates != form.dates]


def is_row_given(bot: Bot, asking: Asking) -> bool | None:
    """Whether a row is given where one is asked for, as the known client asks for one [C]; None if it is refused.

    Blocks while it asks. Raises what a fault stands for.
    """
    answer = bot.ask(asking, 0, 1)
    if isinstance(answer, Page):
        return bool(answer.rows)
    if isinstance(answer, Refused):
        return None
    raise answer.error
