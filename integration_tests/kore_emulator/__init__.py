"""An HTTP server that plays Kore.ai's "Get LLM Usage Logs" API under any reading of what its page leaves open."""

from .even_rows import even_rows
from .reading import Reading
from .rows import DEMO_BOTS, Bot, generate_rows
from .server import Emulator, RequestSeen

__all__ = ["DEMO_BOTS", "Bot", "Emulator", "Reading", "RequestSeen", "even_rows", "generate_rows"]
