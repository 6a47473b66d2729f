"""What a provider's request and response say about a call, in the same columns for every provider.

OpenAI, Azure OpenAI and guardrails are known from logged rows [C]; Anthropic, Gemini and Bedrock are read by their
public API references [U: no logged sample is known]. `unit_tests/fixtures/payloads` has one call of each shape and
names its source. A shape nobody foresaw is kept whole and gives nulls.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson

Json = Mapping[str, Any]

PARAMETERS: Mapping[str, str] = {
    "model": "request_model",
    "modelId": "request_model",  # Bedrock
    "temperature": "temperature",
    "top_p": "top_p",
    "topP": "top_p",  # Gemini, Bedrock Converse, Titan, Nova
    "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",  # OpenAI's reasoning models
    "max_output_tokens": "max_tokens",  # OpenAI Responses
    "max_tokens_to_sample": "max_tokens",  # Anthropic's old completions
    "maxOutputTokens": "max_tokens",  # Gemini
    "maxTokens": "max_tokens",  # Bedrock Converse, Nova
    "maxTokenCount": "max_tokens",  # Titan
    "max_gen_len": "max_tokens",  # Llama on Bedrock
    "frequency_penalty": "frequency_penalty",
    "frequencyPenalty": "frequency_penalty",  # Gemini
    "presence_penalty": "presence_penalty",
    "presencePenalty": "presence_penalty",  # Gemini
}
"""A key of a request, at its top or in a holder, and its column."""

HOLDERS = frozenset(["generationConfig", "generation_config", "inferenceConfig", "textGenerationConfig", "parameters"])
"""Objects of a request that hold parameters: Gemini's, in both spellings of its JSON, Bedrock's, and others'."""

CHUNK = frozenset(["candidates", "promptFeedback", "usageMetadata", "choices"])
"""What an object has one of, if it is a chunk of an answer that was streamed."""


class Usage(NamedTuple):
    """Tokens of a call, with one meaning for every provider; None where it does not say."""

    request: int | None = None
    """All of the prompt, what came from a cache included."""
    response: int | None = None
    """All that was generated, reasoning included."""
    total: int | None = None
    cached: int | None = None
    """Those of the request that were read from a cache."""
    reasoning: int | None = None
    """Those of the response that were spent on reasoning."""


NO_USAGE = Usage()


def describe(record: dict[str, Any], request: Json | None, response: Json | None) -> None:
    """Fills the columns that an opened request and response speak of; token counts that the log has itself stay."""
    record["total_tokens"] = added(record["request_tokens"], record["response_tokens"])
    if request is not None:
        read_parameters(request, record)
    if response is not None:
        record["response_model"] = word(response.get("model")) or word(response.get("modelVersion"))
        record["response_id"] = word(response.get("id")) or word(response.get("responseId"))
        record["finish_reason"] = finish_reason(response)
        usage = usage_of(response)
        if usage is not NO_USAGE:
            if record["request_tokens"] is None:
                record["request_tokens"] = usage.request
            if record["response_tokens"] is None:
                record["response_tokens"] = usage.response
            if record["total_tokens"] is None:
                record["total_tokens"] = usage.total
            record["cached_tokens"] = usage.cached
            record["reasoning_tokens"] = usage.reasoning
    if record["total_tokens"] is None:
        record["total_tokens"] = added(record["request_tokens"], record["response_tokens"])


def opened(payload: Any) -> Json | None:
    """The object that a payload holds: itself, JSON text, the chunks of a stream laid over each other, or the `body`
    of Bedrock's InvokeModel; None for anything else."""
    payload = parsed(payload)
    if isinstance(payload, dict):
        body = parsed(payload.get("body"))
        return {**payload, **body} if isinstance(body, dict) else payload
    if isinstance(payload, list):
        chunks = (chunk for chunk in payload if isinstance(chunk, dict) and not CHUNK.isdisjoint(chunk))
        return {key: value for chunk in chunks for key, value in chunk.items() if value} or None
    return None


def parsed(payload: Any) -> Any:
    if isinstance(payload, str) and payload.lstrip()[:1] in ("{", "["):
        try:
            return orjson.loads(payload)
        except orjson.JSONDecodeError:
            return None
    return payload


def read_parameters(request: Json, record: dict[str, Any]) -> None:
    for key, value in parameters_of(request):
        column = PARAMETERS.get(key)
        if column is None or record[column] is not None:
            continue
        if column == "request_model":
            record[column] = word(value)
        else:
            record[column] = count(value) if column == "max_tokens" else number(value)


def parameters_of(request: Json) -> Iterator[tuple[str, Any]]:
    yield from request.items()
    for holder in HOLDERS.intersection(request):
        if isinstance(request[holder], dict):
            yield from request[holder].items()


def finish_reason(response: Json) -> str | None:
    """Why the model stopped, as the provider spells it; of the first answer, where there are several."""
    for key, reason in (("choices", "finish_reason"), ("candidates", "finishReason"), ("results", "completionReason")):
        answers = response.get(key)
        if isinstance(answers, list) and answers:
            return word(inner(answers[0], reason))
    if response.get("object") == "response":  # OpenAI Responses has a status, and a reason if that is `incomplete`.
        return word(inner(response.get("incomplete_details"), "reason")) or word(response.get("status"))
    for key in ("stop_reason", "stopReason", "finish_reason"):
        if key in response:
            return word(response[key])
    return word(inner(response.get("promptFeedback"), "blockReason"))  # Gemini answered nothing at all.


def usage_of(response: Json) -> Usage:
    """The tokens of a call. Providers differ in what their counts include; each is known by the key it begins with."""
    usage = response.get("usage")
    if usage is None:
        usage = response.get("usageMetadata", response)
    if not isinstance(usage, dict):
        return NO_USAGE
    if "prompt_tokens" in usage:  # OpenAI chat.completions and completions: details are parts of their counts.
        return Usage(
            count(usage["prompt_tokens"]),
            count(usage.get("completion_tokens")),
            count(usage.get("total_tokens")),
            count(inner(usage.get("prompt_tokens_details"), "cached_tokens")),
            count(inner(usage.get("completion_tokens_details"), "reasoning_tokens")),
        )
    if "input_tokens" in usage:  # OpenAI Responses, the same; Anthropic, whose input is what no cache read or wrote.
        read, details = count(usage.get("cache_read_input_tokens")), usage.get("output_tokens_details")
        written = count(usage.get("cache_creation_input_tokens"))
        return Usage(
            added(count(usage["input_tokens"]), read or 0, written or 0),
            count(usage.get("output_tokens")),
            count(usage.get("total_tokens")),
            count(inner(usage.get("input_tokens_details"), "cached_tokens")) if read is None else read,
            count(inner(details, "reasoning_tokens" if "input_tokens_details" in usage else "thinking_tokens")),
        )
    if "promptTokenCount" in usage:  # Gemini: the cache is in the prompt; thoughts and tools' results stand apart.
        tools, thoughts = count(usage.get("toolUsePromptTokenCount")), count(usage.get("thoughtsTokenCount"))
        answered = count(usage.get("candidatesTokenCount"))
        return Usage(
            added(count(usage["promptTokenCount"]), tools or 0),
            thoughts if answered is None else added(answered, thoughts or 0),
            count(usage.get("totalTokenCount")),
            count(usage.get("cachedContentTokenCount")),
            thoughts,
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
        )
    if "inputTextTokenCount" in usage:  # Titan
        results = usage.get("results")
        answered = count(inner(results[0], "tokenCount")) if isinstance(results, list) and results else None
        return Usage(count(usage["inputTextTokenCount"]), answered)
    if "prompt_token_count" in usage:  # Llama on Bedrock
        return Usage(count(usage["prompt_token_count"]), count(usage.get("generation_token_count")))
    return NO_USAGE


def inner(holder: Any, key: str) -> Any:
    return holder.get(key) if isinstance(holder, dict) else None


def added(*counts: int | None) -> int | None:
    """The sum; None if one of them is not known."""
    return None if None in counts else sum(counts)  # type: ignore[arg-type]


def word(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def number(value: Any) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def count(value: Any) -> int | None:
    """A whole number of 64 bits, also from a float or from text; None for anything else."""
    if type(value) is str and value.strip().isdecimal() and len(value) <= 18:
        return int(value)
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and -(2**63) <= value < 2**63 else None
