"""One reading of the API as it is served: the behaviour of the log, and of what stands before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from types import MappingProxyType
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from .behaviour import Behaviour

Fault = Literal[
    "302", "401", "html_403", "404", "429", "500", "502", "503", "504",
    "reset", "broken", "truncated", "html_200", "object_200", "encrypted",
]  # fmt: skip


@dataclass(frozen=True, repr=False, kw_only=True, config={"strict": True, "extra": "forbid"})
class Reading(Behaviour):
    """How the server behaves. The defaults are the plainest reading: no caps, no limits, no faults.

    Raises ValueError for a misspelt or impossible option: a test that sets one would otherwise prove nothing.
    """

    # The form of answers
    envelope: Literal["array", "hits"] = "array"  # a bare array, or `{"hits": [...]}`
    no_content: bool = False  # an empty page is a 204
    error_body: Literal["json", "text"] = "json"  # refusals in the envelope of Kore.ai's APIs, or as plain text
    # Who may ask
    reject_reused_jti: bool = True
    without_scope: frozenset[str] = frozenset()  # the bots whose log the app may not fetch
    # What goes wrong
    fault_rate: float = 0.0  # the share of requests that meet one of `faults`; 1 means that the bot is down
    faults: Sequence[Fault] = ("500", "502", "503", "504", "reset", "broken", "truncated")
    faults_script: Sequence[Fault | None] | None = None  # used up first, one entry a request
    fault_seed: int = 0  # of whatever is left to chance
    latency_seconds: float = 0.0  # how long every answer takes
    # What is different for one bot: bot -> {option: value}. Its faults and moving rows are then counted apart.
    by_bot: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        for bot_id in self.by_bot:
            try:
                self.for_bot(bot_id)
            except (TypeError, ValueError) as error:
                raise ValueError(f"by_bot[{bot_id!r}]: {error}") from None

    def for_bot(self, bot_id: str) -> Reading:
        """The reading of one bot: its own options over the common ones."""
        own = self.by_bot.get(bot_id)
        return self if own is None else replace(self, **{"by_bot": {}, **own})
