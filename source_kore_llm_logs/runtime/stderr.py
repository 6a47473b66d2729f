"""Standard error: what a person reads, who would have to look for it among the messages on stdout."""

import os
from contextlib import suppress

MOST_BYTES = 8000
"""Of a line: a parent process that does not read this pipe would block us at 64 KB."""


def tell(text: str) -> None:
    """Writes one line; raises nothing, whatever stderr is. Thread-safe."""
    with suppress(OSError):
        os.write(2, text.encode(errors="backslashreplace")[:MOST_BYTES] + b"\n")
