"""SIGTERM and SIGINT end the process within seconds, at a whole line, whatever its threads wait for.

A thread waits for the signals: a handler would run in the main thread, which may wait for a reader of stdout; and
process 1 of a container has no default action that would end it."""

import os
import signal
from collections.abc import Callable, Iterable
from threading import Thread
from typing import NoReturn

GRACE_SECONDS = 2.0  # More than a reader of stdout needs, and less than anybody waits before SIGKILL.

_received: signal.Signals | None = None
_before_end: Callable[[signal.Signals], object] | None = None


def install() -> None:
    """Takes over the signals for the rest of the process. Call it from the main thread, before others are started. A
    signal that the parent process chose to ignore (`nohup`) stays ignored."""
    numbers = [number for number in (signal.SIGTERM, signal.SIGINT) if signal.getsignal(number) is not signal.SIG_IGN]
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)  # Every later thread inherits this.
    for number in numbers:
        signal.signal(number, signal.SIG_DFL)
    Thread(target=_wait, args=(numbers,), name="signals", daemon=True).start()


def before_end(action: Callable[[signal.Signals], object]) -> None:
    """Sets what is called between a signal and the end. It may block: the end comes after `GRACE_SECONDS`."""
    global _before_end
    _before_end = action


def end(status: int) -> NoReturn:
    """Ends the process at once, without waiting for its threads: by the signal if one was received, else with the
    status. Thread-safe."""
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
