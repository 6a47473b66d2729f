"""What one part has received so far, and which of it is to be emitted."""

from array import array
from collections import defaultdict
from functools import partial

from source_kore_llm_logs.reading.bot import Bot
from source_kore_llm_logs.reading.fetch import Row
from source_kore_llm_logs.reading.id_set import IdSet
from source_kore_llm_logs.reading.part import Part
from source_kore_llm_logs.reading.scopes import Scope


class RowsReceived:
    """The rows of one part, from all passes over it and over its pieces. One thread uses it."""

    def __init__(self, bot: Bot):
        self._bot = bot
        self.ids = IdSet()
        """Of all rows, whether they are the part's own or not."""
        self.own = 0
        """How many rows of its own the part has."""
        self.newest_start = 0
        """The latest start, in milliseconds, that is not ahead of now."""
        self._emitted = IdSet()
        self._first = self._last = 0
        self._times: dict[Scope, array[int]] = defaultdict(partial(array, "q"))

    @property
    def spread(self) -> int:
        """Milliseconds from the first of the part's own rows to the last."""
        return self._last - self._first

    def given(self, scope: Scope, row: Row) -> None:
        """The row came when the part was asked for in this scope."""
        if row.time is not None:
            self._times[scope].append(row.time)

    def has_given(self, scope: Scope, piece: Part) -> bool:
        """Whether this scope was the first to give a row of the piece."""
        return any(map(piece.holds, self._times[scope]))

    def emits(self, row: Row, piece: Part, scope: Scope) -> bool:
        """Whether the row is to be yielded: it is the piece's own, or nobody's, and new."""
        bot = self._bot
        if self.ids.add(row.id):
            self.given(scope, row)
        if row.start is not None and self.newest_start < row.start <= bot.now():
            self.newest_start = row.start
        if row.time is None:
            with bot.lock:
                return bot.undated.add(row.id)
        if not piece.owns(row):
            if row.time > bot.now():
                with bot.lock:
                    bot.ahead.add(row.id)
            return False
        is_new = self._emitted.add(row.id)
        if is_new:
            self._first = min(row.time, self._first) if self.own else row.time
            self._last = max(row.time, self._last)
            self.own += 1
        return is_new
