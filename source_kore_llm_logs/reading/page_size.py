"""How many rows are asked for at once, for one bot.

A page of 1,000 rows is asked for from the start; a server that gives fewer is followed, since pages advance by what was
received. What a server gives nothing for, refuses, or cannot make is not asked for again; and a page of this bot's rows
is to hold a few megabytes at most.
"""

LARGEST = 1_000
DOCUMENTED = 50
USUAL = (1, 2, 5, 10, 20, DOCUMENTED, 100, 200, 500, LARGEST)
"""What servers have as their largest `limit`: a page grows along these."""
BYTES_A_PAGE = 4 * 1024 * 1024
PAGES_BEFORE_A_LARGER = 20
"""A page may have been too large for one huge row, or at a bad moment: a larger one is tried again after so many."""


class PageSize:
    """The `limit` of one bot's requests. Not thread-safe: its bot's lock guards it."""

    def __init__(self, most: int | None = None):
        self.most = most or LARGEST
        self._limit = self.most
        self._refused_from = self.most + 1
        """A `limit` that this bot was refused, or got nothing for, while a smaller one gave rows."""
        self._pages = 0
        self._bytes_a_row = 0.0

    @property
    def limit(self) -> int:
        """The `limit` of the next request, from 1."""
        fits = int(BYTES_A_PAGE / self._bytes_a_row) if self._bytes_a_row else self.most
        return max(1, min(self._limit, fits))

    def gave(self, limit: int, rows: int, size: int) -> None:
        """A page of so many rows (at least one) and bytes was given for this `limit`."""
        mean = size / rows
        self._bytes_a_row = mean if not self._bytes_a_row else self._bytes_a_row + (mean - self._bytes_a_row) / 4
        self._pages += 1
        largest = min(self.most, self._refused_from - 1)
        if limit == self._limit < largest and (rows == limit or self._pages >= PAGES_BEFORE_A_LARGER):
            self._limit, self._pages = min(next((size for size in USUAL if size > limit), largest), largest), 0

    def nothing_for(self, limit: int, known: int) -> None:
        """Nothing is given for this `limit`; a page of `known` rows was."""
        self._refused_from = min(self._refused_from, limit)
        self._limit = max(1, min(self._limit, known, self._refused_from - 1))

    def too_large_for(self, limit: int) -> bool:
        """The server could not make a page of so many rows. Whether there is a smaller one to ask for."""
        self._limit, self._pages = max(1, min(self._limit, limit // 2)), 0
        return limit > 1
