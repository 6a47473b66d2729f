"""Tokens, failures and cost, worked out from the API's rows and the list of prices in plain Python.

Nothing here is shared with the connector or the dbt package: it is what their numbers are compared with. It knows the
payloads that the emulator writes, no others.
"""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

PUBLIC_PRICES = Path(__file__).resolve().parent.parent / "dbt/seeds/kore_llm_public_prices.csv"
SUMS = ("calls", "failures", "request_tokens", "response_tokens", "total_tokens", "priced_calls", "cost_usd")
Price = Mapping[str, Any]
Prices = Sequence[dict[tuple[str, str], list[Price]]]
"""Lists of prices, your own first: provider ("" for your own) and model -> its prices, for each day and step."""
PROVIDERS = {
    "OpenAI": "openai",
    "Azure OpenAI": "azure.ai.openai",
    "Anthropic": "anthropic",
    "Google Gemini": "gcp.gemini",
    "Amazon Bedrock": "aws.bedrock",
}


def prices(own: Iterable[Price] = ()) -> Prices:
    """Your own prices, and the public ones of the package."""
    with PUBLIC_PRICES.open(encoding="utf-8") as file:
        return [_by_name(own), _by_name(csv.DictReader(file))]


def _by_name(lines: Iterable[Price]) -> dict[tuple[str, str], list[Price]]:
    found: dict[tuple[str, str], list[Price]] = defaultdict(list)
    for line in lines:
        found[line.get("provider", ""), _folded(line["model"])].append(line)
    return found


def _folded(name: str) -> str:
    return re.sub(r"[ ._@-]+", "-", name.split("/")[-1].strip().lower())


def _of_stream(text: str) -> dict[str, Any]:
    """What the chunks of a stream say, the last word of each key."""
    chunks = (json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: {"))
    return {key: value for chunk in chunks for key, value in chunk.items() if value}


@dataclass(frozen=True)
class Call:
    """One row of the API. A count of tokens is None where nobody counted them."""

    bot: str
    row: Mapping[str, Any]

    def named(self, key: str) -> str:
        """A column by its key in the API, however that is spaced."""
        return next((value for name, value in self.row.items() if name.strip() == key and value), "(none)")

    @property
    def payloads(self) -> Mapping[str, Any]:
        return self.row.get("Payload Details") or {}

    @property
    def _response(self) -> Mapping[str, Any]:
        response = self.payloads.get("Response Payload")
        if isinstance(response, str):
            return _of_stream(response)
        return response if isinstance(response, dict) else {}

    @property
    def _usage(self) -> Mapping[str, Any]:
        return self._response.get("usage") or self._response.get("usageMetadata") or {}

    def _counted(self, *names: str) -> int | None:
        """What the first of the names says; names joined by + are added."""
        for name in names:
            first, *more = name.split("+")
            if self._usage.get(first) is not None:
                return int(self._usage[first]) + sum(self._usage.get(part) or 0 for part in more)
        return None

    @property
    def request_tokens(self) -> int | None:
        told = self.payloads.get("Request Tokens")
        names = ("prompt_tokens", "promptTokenCount", "inputTokens+cacheReadInputTokens+cacheWriteInputTokens")
        return int(told) if told is not None else self._counted(*names)

    @property
    def response_tokens(self) -> int | None:
        told = self.payloads.get("Response Tokens")
        names = ("completion_tokens", "candidatesTokenCount+thoughtsTokenCount", "outputTokens")
        return int(told) if told is not None else self._counted(*names)

    @property
    def total_tokens(self) -> int | None:
        told = self._counted("total_tokens", "totalTokenCount", "totalTokens")
        if told is None and self.request_tokens is not None and self.response_tokens is not None:
            return self.request_tokens + self.response_tokens
        return told

    @property
    def cached_tokens(self) -> int:
        details = self._usage.get("prompt_tokens_details") or {}
        names = ("cache_read_input_tokens", "cachedContentTokenCount", "cacheReadInputTokens")
        return int(details.get("cached_tokens") or self._counted(*names) or 0)

    @property
    def cache_write_tokens(self) -> int:
        return self._counted("cache_creation_input_tokens", "cacheWriteInputTokens") or 0

    @property
    def reasoning_tokens(self) -> int:
        details = self._usage.get("completion_tokens_details") or {}
        return int(details.get("reasoning_tokens") or self._counted("thoughtsTokenCount") or 0)

    @property
    def day(self) -> str | None:
        text = self.row.get("End Date") or self.row.get("start Date")
        if not text:
            return None
        return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc).date().isoformat()

    @property
    def is_scan(self) -> bool:
        """A guardrail scanned a text: no model was called."""
        request = self.payloads.get("Request Payload")
        return isinstance(request, dict) and "scanner" in request

    @property
    def failed(self) -> bool:
        return bool(self.row.get("Status") == "Failure")

    @property
    def _models(self) -> list[str]:
        request = self.payloads.get("Request Payload")
        asked = (request.get("model") or request.get("modelId")) if isinstance(request, dict) else None
        answered = self._response.get("model") or self._response.get("modelVersion")
        return [name for name in (answered, asked, self.named("Model Name")) if isinstance(name, str)]

    def cost(self, prices: Prices) -> Decimal | None:
        """US dollars; None without a price or a count of tokens."""
        asked, answered = self.request_tokens, self.response_tokens
        if asked is None or answered is None:
            return None
        provider, day = PROVIDERS.get(self.named("Integration"), "(none)"), self.day or "1970-01-01"
        lists = (
            [price for price in found.get(key, ()) if _holds(price, day)]
            for found in prices
            for name in self._models
            for key in (("", _folded(name)), (provider, _folded(name)))
        )
        steps = next(filter(None, lists), None)
        if steps is None:
            return None
        price = max(
            (step for step in steps if int(step.get("prompt_tokens_above") or 0) < max(asked, 1)),
            key=lambda step: int(step.get("prompt_tokens_above") or 0),
        )

        def rate(kind: str, otherwise: str) -> Decimal:
            return Decimal(str(price.get(f"{kind}_usd_per_million") or price[f"{otherwise}_usd_per_million"]))

        fits = self.cached_tokens + self.cache_write_tokens <= asked
        cached, written = (self.cached_tokens, self.cache_write_tokens) if fits else (0, 0)
        reasoned = self.reasoning_tokens if self.reasoning_tokens <= answered else 0
        return (
            (asked - cached - written) * rate("input", "input")
            + cached * rate("cache_read", "input")
            + written * rate("cache_write", "input")
            + (answered - reasoned) * rate("output", "output")
            + reasoned * rate("reasoning", "output")
        ) / 1_000_000


def _holds(price: Price, day: str) -> bool:
    return str(price.get("valid_from") or "") <= day < str(price.get("valid_until") or "9999")


def sums(calls: Iterable[Call], key: Callable[[Call], Any], prices: Prices) -> dict[Any, tuple[Any, ...]]:
    """The columns SUMS of each group."""
    groups: dict[Any, list[Call]] = defaultdict(list)
    for call in calls:
        if not call.is_scan:
            groups[key(call)].append(call)
    return {name: _sums(group, prices) for name, group in groups.items()}


def _sums(group: list[Call], prices: Prices) -> tuple[Any, ...]:
    costs = [call.cost(prices) for call in group]
    return (
        len(group),
        sum(call.failed for call in group),
        *(_total(getattr(call, name) for call in group) for name in SUMS[2:5]),
        sum(cost is not None for cost in costs),
        _total(costs),
    )


def _total(counts: Iterable[Any]) -> Any:
    """None if nobody counted anything."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def differences(
    found: Mapping[Any, Sequence[Any]], expected: Mapping[Any, Sequence[Any]], tolerance: float = 1e-9
) -> list[str]:
    """A line for each group that differs; costs may differ by so much of a dollar."""
    lines = []
    for name in sorted({*found, *expected}, key=str):
        ours, theirs = expected.get(name), found.get(name)
        same = ours is not None and theirs is not None and list(ours[:-1]) == list(theirs[:-1])
        if not same or not _near(theirs[-1], ours[-1], tolerance):  # type: ignore[index]
            lines.append(f"{name}: {theirs} instead of {ours}")
    return lines


def _near(one: Any, other: Any, tolerance: float) -> bool:
    return one is other if one is None or other is None else abs(float(one) - float(other)) <= tolerance
