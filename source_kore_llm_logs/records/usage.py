"""The tokens of a call, with one meaning for every provider.

Providers differ in what their counts include, and each is known by the key that its usage begins with. OpenAI and
Azure OpenAI are known from logged rows [C], the others by their public API references [U: no logged sample is known].
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from source_kore_llm_logs.records.plain_json import fits_64_bits

Json = Mapping[str, Any]


class Usage(NamedTuple):
    """Tokens of a call; None where the provider does not say."""

    request: int | None = None
    """All of the prompt, what came from a cache or was written to one included."""
    response: int | None = None
    """All that was generated, reasoning included."""
    total: int | None = None
    cached: int | None = None
    """Those of the request that were read from a cache."""
    cache_write: int | None = None
    """Those of the request that were written to a cache."""
    reasoning: int | None = None
    """Those of the response that were spent on reasoning."""


NO_USAGE = Usage()


def usage_of(response: Json) -> Usage:
    """The tokens that an opened response tells of; `NO_USAGE` if it has none that are known. Raises nothing."""
    usage = response.get("usage")
    if usage is None:
        usage = response.get("usageMetadata", response)
    if not isinstance(usage, dict):
        return NO_USAGE
    if "prompt_tokens" in usage:  # OpenAI chat.completions and completions: details are parts of their counts.
        details = usage.get("prompt_tokens_details")
        return Usage(
            count(usage["prompt_tokens"]),
            count(usage.get("completion_tokens")),
            count(usage.get("total_tokens")),
            count(inner(details, "cached_tokens")),
            count(inner(details, "cache_write_tokens")),
            count(inner(usage.get("completion_tokens_details"), "reasoning_tokens")),
        )
    if "input_tokens" in usage:
        return _messages(usage) if "input_tokens_details" not in usage else _responses(usage)
    if "promptTokenCount" in usage:  # Gemini: the cache is in the prompt; thoughts and tools' results stand apart.
        tools, thoughts = count(usage.get("toolUsePromptTokenCount")), count(usage.get("thoughtsTokenCount"))
        answered = count(usage.get("candidatesTokenCount"))
        return Usage(
            added(count(usage["promptTokenCount"]), tools or 0),
            thoughts if answered is None else added(answered, thoughts or 0),
            count(usage.get("totalTokenCount")),
            count(usage.get("cachedContentTokenCount")),
            reasoning=thoughts,
        )
    if "inputTokens" in usage:  # Bedrock Converse and Nova: the input is what no cache read or wrote.
        read, written = (
            count(usage.get(f"cache{way}InputTokens", usage.get(f"cache{way}InputTokenCount")))
            for way in ("Read", "Write")
        )
        return Usage(
            added(count(usage["inputTokens"]), read or 0, written or 0),
            count(usage.get("outputTokens")),
            count(usage.get("totalTokens")),
            read,
            written,
        )
    if "inputTextTokenCount" in usage:  # Titan
        results = usage.get("results")
        answered = count(inner(results[0], "tokenCount")) if isinstance(results, list) and results else None
        return Usage(count(usage["inputTextTokenCount"]), answered)
    if "prompt_token_count" in usage:  # Llama on Bedrock
        return Usage(count(usage["prompt_token_count"]), count(usage.get("generation_token_count")))
    return NO_USAGE


def _responses(usage: Json) -> Usage:
    """OpenAI Responses: details are parts of their counts."""
    details = usage["input_tokens_details"]
    return Usage(
        count(usage["input_tokens"]),
        count(usage.get("output_tokens")),
        count(usage.get("total_tokens")),
        count(inner(details, "cached_tokens")),
        count(inner(details, "cache_write_tokens")),
        count(inner(usage.get("output_tokens_details"), "reasoning_tokens")),
    )


def _messages(usage: Json) -> Usage:
    """Anthropic: the input is what no cache read or wrote."""
    read, written = count(usage.get("cache_read_input_tokens")), count(usage.get("cache_creation_input_tokens"))
    return Usage(
        added(count(usage["input_tokens"]), read or 0, written or 0),
        count(usage.get("output_tokens")),
        count(usage.get("total_tokens")),
        read,
        written,
        count(inner(usage.get("output_tokens_details"), "thinking_tokens")),
    )


def inner(holder: Any, key: str) -> Any:
    return holder.get(key) if isinstance(holder, dict) else None


def added(*counts: int | None) -> int | None:
    """The sum; None if one of them is not known, or if the sum is beyond 64 bits."""
    return None if None in counts else count(sum(counts))


def count(value: Any) -> int | None:
    """A whole number of 64 bits, also from a float or from text; None for anything else."""
    if type(value) is str and value.strip().isdecimal() and len(value) <= 18:
        return int(value)
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and fits_64_bits(value) else None
