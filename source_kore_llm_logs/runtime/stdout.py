"""Protocol messages on stdout, in whole lines and few writes.

The log's lines come through the CDK's PRINT_BUFFER, which keeps a tenth of a second of text, up to four bytes a
character. Records are too many for that: they go to the same stream as bytes, under the same lock.
"""

import sys
from typing import BinaryIO, cast

from airbyte_cdk.logger import PRINT_BUFFER

RECORD = '{"type":"RECORD"'
BYTES_A_WRITE = 64 * 1024
"""Each write lets another thread take over; more of them cost more than the writing."""


class Stdout:
    """At the end of a `with` nothing is left unwritten."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def __enter__(self) -> "Stdout":
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()

    def write(self, line: str) -> None:
        """One protocol message. Records may wait for more of them; anything else is seen at once, and all before it."""
        with PRINT_BUFFER.lock:
            self._pending += f"{line}\n".encode()
            if len(self._pending) >= BYTES_A_WRITE or not line.startswith(RECORD):
                self.flush()

    def flush(self) -> None:
        assert sys.__stdout__ is not None
        stream = cast(BinaryIO, sys.__stdout__.buffer)
        with PRINT_BUFFER.lock:
            data = bytes(self._pending)
            self._pending.clear()
            while data:  # An unbuffered stream may take a part.
                data = data[stream.write(data) :]
            PRINT_BUFFER.flush()
