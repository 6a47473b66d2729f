"""Which rows of a part were met: its ids in a few bytes each.

A busy bot's part holds a hundred thousand rows, several sets of their ids are kept, and dozens of parts are read at
once. A Python set takes some 150 bytes an id; here it takes 12 to 24. Of its 128 bits 64 are kept: that two of a
million rows share them has a chance of one in forty million.
"""

from array import array

FEWEST_SLOTS = 1024


class IdSet:
    """A set of ids (32 hex digits) that only grows. Not thread-safe. Raises ValueError at an id that is no hex."""

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * FEWEST_SLOTS))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, record_id: str) -> bool:
        key = _key(record_id)
        return self._slots[_place(self._slots, key)] == key

    def add(self, record_id: str) -> bool:
        """Adds the id; returns whether it is new."""
        key = _key(record_id)
        place = _place(self._slots, key)
        if self._slots[place] == key:
            return False
        self._slots[place] = key
        self._count += 1
        if 3 * self._count > 2 * len(self._slots):
            self._grow()
        return True

    def _grow(self) -> None:
        slots = array("Q", bytes(16 * len(self._slots)))
        for key in self._slots:
            if key:
                slots[_place(slots, key)] = key
        self._slots = slots


def _key(record_id: str) -> int:
    """Never 0, which is an empty slot."""
    return int(record_id[:16], 16) or 1


def _place(slots: "array[int]", key: int) -> int:
    """Where the key is, or where it would go."""
    last = len(slots) - 1
    place = key & last
    while (held := slots[place]) and held != key:
        place = (place + 1) & last
    return place
