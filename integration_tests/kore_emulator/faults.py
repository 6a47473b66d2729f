"""What a network and its gateways do to a good request: scripted first, then at random but repeatable."""

from __future__ import annotations

from collections import deque
from random import Random
from threading import Lock

from .reading import Fault, Reading


class Faults:
    """The faults and the latencies of one reading, dealt out one a request. Threads may share it."""

    def __init__(self, reading: Reading) -> None:
        self._script = deque(reading.faults_script or ())
        self._kinds = tuple(reading.faults)
        self._rate = reading.fault_rate
        self._random = Random(reading.fault_seed)
        self._latency = reading.latency_seconds
        self._jitter = reading.latency_jitter_seconds
        self._latencies = Random(reading.fault_seed)
        self._lock = Lock()

    def next(self) -> Fault | None:
        """The fault of the next request, or None if it is to be answered well."""
        with self._lock:
            if self._script:
                return self._script.popleft()
            if self._kinds and self._random.random() < self._rate:
                return self._random.choice(self._kinds)
            return None

    def latency(self) -> float:
        """How many seconds the next answer takes."""
        with self._lock:
            return self._latency + (self._latencies.random() * self._jitter if self._jitter else 0.0)
