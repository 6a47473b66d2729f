"""Freed memory goes back to the system, where the C library can be told so.

Once large blocks have been freed, glibc keeps up to 64 MB of free memory in each of its arenas, and has one for every
worker. Read in pages of 50 MB, that is more than the rows themselves.
"""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""The parameters' numbers in glibc's malloc.h."""
MOST_BYTES_KEPT = 8 * 1024 * 1024
SMALLEST_BLOCK_OF_ITS_OWN = 128 * 1024
"""glibc's own value, which it raises with each large block that is freed, unless told not to."""


def give_back_what_is_freed() -> bool:
    """Whether the C library took the advice: musl, macOS and Windows have no such call."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
        taken = [
            mallopt(M_TRIM_THRESHOLD, MOST_BYTES_KEPT),
            mallopt(M_MMAP_THRESHOLD, SMALLEST_BLOCK_OF_ITS_OWN),
            mallopt(M_ARENA_MAX, 1),  # Only one worker at a time runs Python, and so asks for memory.
        ]
    except (AttributeError, OSError, TypeError):
        return False
    return all(taken)
