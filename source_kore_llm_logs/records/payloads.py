"""What a provider's request and response say about a call, in the same columns for every provider.

OpenAI, Azure OpenAI and guardrails are known from logged rows [C]; Anthropic, Gemini and Bedrock are read by their
public API references [U: no logged sample is known]. `unit_tests/fixtures/payloads` has one call of each shape and
names its source. A shape nobody foresaw is kept whole and gives nulls.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from source_kore_llm_logs.records.plain_json import plain
from source_kore_llm_logs.records.usage import NO_USAGE, Json, added, count, inner, usage_of

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

HOLDERS = ("generationConfig", "generation_config", "inferenceConfig", "textGenerationConfig", "parameters")
"""Objects of a request that hold parameters: Gemini's, in both spellings of its JSON, Bedrock's, and others'."""

CHUNK = frozenset(["candidates", "promptFeedback", "usageMetadata", "choices", "error"])
"""What an object has one of, if it is a chunk of an answer that was streamed and logged as a list."""

STREAM = ("data:", "event:", "id:", "retry:", ":")
"""How a line of a stream of server-sent events begins (WHATWG HTML, 9.2)."""

WRAPPED = ("message", "delta", "response")
"""Objects of a streamed event that hold parts of the answer: Anthropic's two, and OpenAI Responses'."""

ANSWERS = {"choices": "finish_reason", "candidates": "finishReason", "results": "completionReason"}
"""A list of answers in a response, and the key in each that says why the model stopped."""


def describe(record: dict[str, Any], request: Json | None, response: Json | None) -> None:
    """Fills the columns that an opened request and response speak of; token counts that the log has itself stay."""
    record["total_tokens"] = added(record["request_tokens"], record["response_tokens"])
    if request is not None:
        read_parameters(request, record)
    if response is not None:
        record["response_model"] = word(response.get("model")) or word(response.get("modelVersion"))
        record["response_id"] = response_id(response)
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
            record["cache_write_tokens"] = usage.cache_write
            record["reasoning_tokens"] = usage.reasoning
    if record["total_tokens"] is None:
        record["total_tokens"] = added(record["request_tokens"], record["response_tokens"])


def opened(payload: Any) -> Json | None:
    """The object that a payload holds: itself, JSON text, the chunks of a stream laid over each other, or the `body`
    of Bedrock's InvokeModel; None for anything else. Raises nothing."""
    if isinstance(payload, str):
        if payload.lstrip()[:8].startswith(STREAM):
            return laid_over(events_of(payload))
        payload = parsed(payload)
    if isinstance(payload, dict):
        body = parsed(payload.get("body"))
        return {**payload, **body} if isinstance(body, dict) else payload
    if isinstance(payload, list):
        return laid_over(chunk for chunk in payload if isinstance(chunk, dict) and not CHUNK.isdisjoint(chunk))
    return None


def parsed(payload: Any) -> Any:
    """What a text of JSON holds, as `plain` as a row; None if it is broken. Any other value is itself."""
    if isinstance(payload, str) and payload.lstrip()[:1] in ("{", "["):
        try:
            found = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return None
        return plain(found) if "\\u0000" in payload else found
    return payload


def events_of(stream: str) -> Iterator[Json]:
    """The objects that a stream of server-sent events brings: `data: {…}` lines [D]. The vendor's own sample has lines
    of broken JSON; they are left out, as is `data: [DONE]`."""
    for line in stream.split("\n"):
        if line.startswith("data:"):
            event = parsed(line[5:].strip())
            if isinstance(event, dict):
                yield event


def laid_over(chunks: Iterable[Json]) -> Json | None:
    """One object of the chunks of an answer, the later over the earlier; None if there are none.

    The last of OpenAI's chunks has all of the usage and no answer, Anthropic counts the request in its first event and
    the answer in a later one. A reason to stop is not lost to a chunk that has none.
    """
    whole: dict[str, Any] = {}
    for chunk in chunks:
        for part in (chunk, *(chunk[key] for key in WRAPPED if isinstance(chunk.get(key), dict))):
            for key, value in part.items():
                if not value or (key in ANSWERS and stopped(whole, key) and not stopped(part, key)):
                    continue
                before = whole.get(key)
                is_usage = key in ("usage", "usageMetadata") and isinstance(value, dict) and isinstance(before, dict)
                whole[key] = {**before, **value} if is_usage and before else value
    return whole or None


def read_parameters(request: Json, record: dict[str, Any]) -> None:
    """The parameters at the top of a request, then those of its holders."""
    for holder in (request, *(request[key] for key in HOLDERS if isinstance(request.get(key), dict))):
        for key, value in holder.items():
            column = PARAMETERS.get(key)
            if column is not None and record[column] is None:
                read = word if column == "request_model" else count if column == "max_tokens" else number
                record[column] = read(value)


def response_id(response: Json | None) -> str | None:
    """The provider's own id of an answer."""
    return None if response is None else word(response.get("id")) or word(response.get("responseId"))


def stopped(response: Json, answers: str) -> str | None:
    """Why the model stopped, by a list of answers; by the first of them, where there are several."""
    found = response.get(answers)
    return word(inner(found[0], ANSWERS[answers])) if isinstance(found, list) and found else None


def finish_reason(response: Json) -> str | None:
    """Why the model stopped, as the provider spells it."""
    for answers in ANSWERS:
        if isinstance(response.get(answers), list) and response[answers]:
            return stopped(response, answers)
    if response.get("object") == "response":  # OpenAI Responses has a status, and a reason if that is `incomplete`.
        return word(inner(response.get("incomplete_details"), "reason")) or word(response.get("status"))
    for key in ("stop_reason", "stopReason", "finish_reason"):
        if key in response:
            return word(response[key])
    return word(inner(response.get("promptFeedback"), "blockReason"))  # Gemini answered nothing at all.


def word(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def number(value: Any) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
