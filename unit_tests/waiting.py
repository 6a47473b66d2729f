"""Whether a thread waits is seen, and not guessed from how long it takes."""

from threading import Condition, Semaphore, Thread


class WatchedCondition(Condition):
    """Counts who began to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.release()
        return super().wait(timeout)


def waits_for(thread: Thread, watched: WatchedCondition) -> bool:
    """Whether the thread, which nobody else shares the watched one with, waits: blocks until it does or has ended."""
    while thread.is_alive():
        if watched.waits.acquire(timeout=0.01):
            return True
    return False
