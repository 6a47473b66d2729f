"""One simulated Kore.ai: a pure function (`simulation.py`), and an HTTP server round it that plays the "Get LLM Usage
Logs" API under any reading of what its page leaves open."""

from .clock import NOW
from .reading import Reading
from .rows import even_rows, generate_rows
from .server import Emulator, RequestSeen

__all__ = ["NOW", "Emulator", "Reading", "RequestSeen", "even_rows", "generate_rows"]
