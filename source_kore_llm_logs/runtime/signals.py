"""SIGTERM and SIGINT end the process within seconds, at a whole line, whatever its threads wait for.

A thread waits for the signals. A handler in the main thread would have to wait for whatever the main thread holds;
and process 1 of a container has no default action that would end it.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterable
from threading import Thread, Timer
from typing import NoReturn

GRACE_SECONDS = 2.0
"""For the last words; longer than a reader needs that reads, and shorter than anybody waits before SIGKILL."""

_received: signal.Signals | None = None
_last_words: Callable[[signal.Signals], object] | None = None


def install() -> None:
    """Takes over the signals for the rest of the process. Call it from the main thread, before others are started.

    A signal that the parent process chose to ignore (`nohup`) stays ignored.
    """
    if sys.platform == "win32":
        return
    waited_for = [
        number for number in (signal.SIGTERM, signal.SIGINT) if signal.getsignal(number) is not signal.SIG_IGN
    ]
    signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)  # Every later thread inherits this.
    for number in waited_for:
        signal.signal(number, signal.SIG_DFL)
    Thread(target=_wait, args=(waited_for,), name="signals", daemon=True).start()


def before_end(last_words: Callable[[signal.Signals], object]) -> None:
    """Sets what is called between the signal and the end. It may block: the end comes after `GRACE_SECONDS`."""
    global _last_words
    _last_words = last_words


def end(status: int) -> NoReturn:
    """Ends the process at once: by the signal if one was received, else with the status. Thread-safe.

    No other thread is waited for: Python would wait for workers that may wait for the API, or for a reader of stdout
    that has gone.
    """
    if _received is not None:
        _end_by(_received)
    os._exit(status)


def _wait(numbers: Iterable[int]) -> None:
    global _received
    _received = signal.Signals(signal.sigwait(numbers))
    timer = Timer(GRACE_SECONDS, end, [1])
    timer.daemon = True
    timer.start()
    try:
        if _last_words is not None:
            _last_words(_received)
    finally:
        end(1)


def _end_by(number: signal.Signals) -> NoReturn:
    """By the default action, so that the parent process sees which signal it was."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    signal.raise_signal(number)
    os._exit(128 + number)  # Process 1 outlives the default action.
