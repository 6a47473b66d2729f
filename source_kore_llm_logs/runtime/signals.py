"""SIGTERM and SIGINT end the process within seconds, whatever its threads are waiting for. A thread of its own waits
for the signals: a signal handler would run in the main thread, which a reader of stdout may block. And process 1 of a
container has no default action that would end it."""

import os
import signal
from collections.abc import Callable, Iterable
from threading import Thread
from typing import NoReturn

GRACE_SECONDS = 2.0  # Enough for a reader of stdout, and less than container runtimes wait before SIGKILL.

_received: signal.Signals | None = None
_before_end: Callable[[signal.Signals], object] | None = None


def install() -> None:
    """Handles the signals for the rest of the process. Call it from the main thread, before any other is started. A
    signal that the parent process ignores (`nohup`) stays ignored."""
    numbers = [number for number in (signal.SIGTERM, signal.SIGINT) if signal.getsignal(number) is not signal.SIG_IGN]
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)  # Every later thread inherits this.
    for number in numbers:
        signal.signal(number, signal.SIG_DFL)
    Thread(target=_wait, args=(numbers,), name="signals", daemon=True).start()


def before_end(action: Callable[[signal.Signals], object]) -> None:
    """Sets the action to call before a signal ends the process. It may block; the process ends after `GRACE_SECONDS` at
    the latest."""
    global _before_end
    _before_end = action


def end(status: int) -> NoReturn:
    """Ends the process without waiting for its threads: by the signal that was received, else with this status.
    Thread-safe."""
    if _received is not None:
        # By the default action, so that the parent process sees which signal it was.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [_received])
        signal.raise_signal(_received)
        status = 128 + _received  # Process 1 outlives the default action.
    os._exit(status)


def _wait(numbers: Iterable[int]) -> None:
    global _received
    _received = signal.Signals(signal.sigwait(numbers))
    if _before_end is not None:
        action = Thread(target=_before_end, args=(_received,), daemon=True)
        action.start()
        action.join(GRACE_SECONDS)
    end(1)
