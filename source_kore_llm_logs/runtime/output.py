"""Standard output, through one buffer, in whole lines and in the order of the calls; and standard error. The buffer
replaces the CDK's PRINT_BUFFER, which fails with a stack trace when nobody reads."""

import os
import select
import sys
from contextlib import suppress
from threading import Lock, local
from typing import Any, NoReturn, cast

from source_kore_llm_logs.runtime import signals

RECORD = '{"type":"RECORD"'
BYTES_A_WRITE = 64 * 1024
MOST_BYTES_ON_STDERR = 8000  # Of a line: a full pipe (64 KB) that the parent process does not read would block.


def to_stderr(text: str) -> None:
    """Writes one line to stderr. Never raises, even if stderr is closed. Thread-safe."""
    with suppress(OSError):
        os.write(2, text.encode(errors="backslashreplace")[:MOST_BYTES_ON_STDERR] + b"\n")


class Stdout:
    """A text stream that writes whole lines. Thread-safe; a call blocks while the reader does not read. If writing
    fails (the reader has gone, the disk is full), the process ends with status 1 and one line on stderr."""

    def __init__(self, descriptor: int = 1, name: str = "Standard output") -> None:
        self._descriptor, self._name, self._lock = descriptor, name, Lock()
        self._pending, self._unfinished = bytearray(), local()
        if sys.__stdout__ is None and descriptor == 1:
            self._give_up("it is closed")

    def replace(self) -> None:
        """Makes `print` and the CDK's log write to this stream. Call it before the CDK is imported."""
        sys.stdout = sys.__stdout__ = cast(Any, self)  # type: ignore[misc]

    def write_line(self, line: str) -> None:
        """Writes one protocol message. Records are buffered; any other message is written at once."""
        self._add(f"{line}\n".encode(), at_once=not line.startswith(RECORD))

    def write(self, text: str) -> int:
        """Writes text. An unfinished line is kept, for each thread, until that thread ends it."""
        lines, end, rest = (getattr(self._unfinished, "text", "") + text).rpartition("\n")
        self._unfinished.text = rest
        if end:
            self._add(f"{lines}\n".encode(errors="backslashreplace"), at_once=True)
        return len(text)

    def flush(self) -> None:
        with self._lock:
            self._write()

    def finish(self) -> None:
        """Flushes, then blocks every later call until the process ends, so that no line is cut off."""
        self._lock.acquire()
        self._write()

    def _add(self, data: bytes, at_once: bool) -> None:
        with self._lock:
            self._pending += data
            if at_once or len(self._pending) >= BYTES_A_WRITE:
                self._write()

    def _write(self) -> None:
        while self._pending:
            try:
                del self._pending[: os.write(self._descriptor, self._pending)]
            except BlockingIOError:  # The parent process made it non-blocking.
                select.select([], [self._descriptor], [])
            except BrokenPipeError:
                self._give_up("its reader has gone")
            except OSError as error:
                self._give_up(error.strerror)

    def _give_up(self, reason: str | None) -> NoReturn:
        to_stderr(f"{self._name} cannot be written: {reason}.")
        signals.end(1)
