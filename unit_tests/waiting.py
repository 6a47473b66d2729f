"""Whether a thread waits is seen, and not guessed from how long it takes."""

from threading import Condition, Lock, Semaphore, Thread


class WatchedCondition(Condition):
    """Counts who began to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.release()
        return super().wait(timeout)


class WatchedLock:
    """Counts who found it taken."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.waits = Semaphore(0)

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self.waits.release()
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def waits_for(thread: Thread, watched: WatchedCondition | WatchedLock) -> bool:
    """Whether the thread, which nobody else shares the watched one with, waits: blocks until it does or has ended."""
    while thread.is_alive():
        if watched.waits.acquire(timeout=0.01):
            return True
    return False
