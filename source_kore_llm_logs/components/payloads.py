"""What a provider's request and response say about a call, in the same columns for every provider.

OpenAI and Azure OpenAI are known from logged rows [C]; Anthropic, Gemini and Bedrock are read by their public
API references [U: no logged sample is known]. A shape nobody foresaw is kept whole and gives nulls.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

REMOVED = "[redacted]"

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "temperature": ("temperature",),
    "top_p": ("top_p", "topP"),
    "max_tokens": ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens", "maxTokens",
                   "max_tokens_to_sample"),
    "frequency_penalty": ("frequency_penalty", "frequencyPenalty"),
    "presence_penalty": ("presence_penalty", "presencePenalty"),
}  # fmt: skip
PARAMETER_KEYS = frozenset(key for keys in PARAMETERS.values() for key in keys)
PARAMETER_HOLDERS = ("generationConfig", "generation_config", "inferenceConfig", "parameters")
USAGE_HOLDERS = ("usage", "usageMetadata")
USAGE: Mapping[str, tuple[str, ...]] = {
    "request_tokens": ("prompt_tokens", "input_tokens", "promptTokenCount", "inputTokens"),
    "response_tokens": ("completion_tokens", "output_tokens", "candidatesTokenCount", "outputTokens"),
    "total_tokens": ("total_tokens", "totalTokenCount", "totalTokens"),
}
USAGE_KEYS = frozenset(
    [key for keys in USAGE.values() for key in keys]
    + ["cached_tokens", "reasoning_tokens", "audio_tokens", "accepted_prediction_tokens",
       "rejected_prediction_tokens", "cache_creation_input_tokens", "cache_read_input_tokens",
       "cachedContentTokenCount", "thoughtsTokenCount", "cacheReadInputTokens", "cacheWriteInputTokens",
       "prompt_tokens_details", "completion_tokens_details"]
)  # fmt: skip
FINISH_REASONS = frozenset(
    ["stop", "length", "content_filter", "tool_calls", "function_call", "end_turn", "max_tokens", "stop_sequence",
     "tool_use", "pause_turn", "refusal", "guardrail_intervened", "content_filtered", "complete", "error",
     "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "LANGUAGE", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII",
     "MALFORMED_FUNCTION_CALL", "COMPLETE"]
)  # fmt: skip
MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,99}")
IDENTIFIER = re.compile(r"(chatcmpl|cmpl|resp|msg|gen)[-_][A-Za-z0-9_-]{6,100}")
KNOWN_MODEL = re.compile(
    r"(gpt|o\d|chatgpt|text|davinci|claude|gemini|gemma|llama|meta|mistral|mixtral|command|cohere|titan|amazon|"
    r"anthropic|models/|us\.|eu\.|nova|xo|phi|deepseek|qwen|palm|jurassic|ai21)",
    re.I,
)


def first(holder: Any, keys: tuple[str, ...]) -> Any:
    """The first of the keys that the object has with a value."""
    if isinstance(holder, dict):
        for key in keys:
            value = holder.get(key)
            if value is not None:
                return value
    return None


def number(value: Any) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def count(value: Any) -> int | None:
    if isinstance(value, str) and value.strip().isdigit() and len(value.strip()) <= 18:
        return int(value)
    value = number(value)
    return int(value) if value is not None and value == value and abs(value) < 2**63 else None


def word(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def opened(payload: Any) -> Any:
    """A payload that was logged as JSON text, as the object it holds."""
    if isinstance(payload, str) and payload[:1] == "{":
        try:
            return orjson.loads(payload)
        except orjson.JSONDecodeError:
            return payload
    return payload


def finish_reason(response: Any) -> str | None:
    if not isinstance(response, dict):
        return None
    for holder in ("choices", "candidates"):
        answers = response.get(holder)
        if isinstance(answers, list) and answers:
            return word(first(answers[0], ("finish_reason", "finishReason")))
    return word(first(response, ("stop_reason", "stopReason", "finish_reason")))


def details_of(details: Mapping[str, Any], record: dict[str, Any], redact: bool) -> dict[str, Any]:
    """Fills the record's token, model and payload columns from `Payload Details`; returns what is left over."""
    left: dict[str, Any] = {}
    for key, value in details.items():
        name = "".join(key.split()).replace("_", "").casefold()
        if name == "requestpayload" and record["request_payload"] is None:
            record["request_payload"] = value
        elif name == "responsepayload" and record["response_payload"] is None:
            record["response_payload"] = value
        elif name == "requesttokens" and record["request_tokens"] is None and _fits(value):
            record["request_tokens"] = count(value)
        elif name == "responsetokens" and record["response_tokens"] is None and _fits(value):
            record["response_tokens"] = count(value)
        elif name == "promptname" and isinstance(value, str) and record["prompt_name"] in (None, value):
            record["prompt_name"] = value
        elif value is not None:
            left[key] = value
    request, response = opened(record["request_payload"]), opened(record["response_payload"])
    if redact:
        request, response = harmless(request), harmless(response)
        record["request_payload"], record["response_payload"] = request, response
    if isinstance(request, dict):
        record["request_model"] = word(first(request, ("model", "modelId", "deployment")))
        holders = [request, *(request[h] for h in PARAMETER_HOLDERS if isinstance(request.get(h), dict))]
        for column, keys in PARAMETERS.items():
            for holder in holders:
                value = number(first(holder, keys))
                if value is not None:
                    record[column] = count(value) if column == "max_tokens" else value
                    break
    if isinstance(response, dict):
        record["response_model"] = word(first(response, ("model", "modelVersion")))
        record["response_id"] = word(first(response, ("id", "responseId")))
        record["finish_reason"] = finish_reason(response)
        usage = first(response, USAGE_HOLDERS)
        for column, keys in USAGE.items():
            if record[column] is None:
                record[column] = count(first(usage, keys))
    if record["total_tokens"] is None and None not in (record["request_tokens"], record["response_tokens"]):
        record["total_tokens"] = record["request_tokens"] + record["response_tokens"]
    return left


def _fits(value: Any) -> bool:
    return value is None or count(value) is not None


def harmless(payload: Any) -> Any:
    """Only what is known not to be anybody's words: parameters, usage, finish reasons, model and response id.

    Everything else goes, whatever its shape: unknown keys, all other text, all other numbers.
    """
    if payload is None:
        return None
    if not isinstance(payload, dict):
        return REMOVED
    kept: dict[str, Any] = {}
    for key, value in payload.items():
        if _is_harmless(key, value):
            kept[key] = value
        elif key in PARAMETER_HOLDERS and isinstance(value, dict):
            kept[key] = {k: v for k, v in value.items() if k in PARAMETER_KEYS and number(v) is not None}
        elif key in USAGE_HOLDERS:
            kept[key] = _usage(value)
        elif key in ("choices", "candidates") and isinstance(value, list):
            kept[key] = [
                {k: v for k, v in answer.items() if k in ("finish_reason", "finishReason") and _is_reason(v)}
                for answer in value
                if isinstance(answer, dict)
            ]
    return kept


def _is_harmless(key: str, value: Any) -> bool:
    if key in PARAMETER_KEYS:
        return number(value) is not None
    if key in ("model", "modelId", "modelVersion"):
        return _is_model(value)
    if key in ("id", "responseId"):
        return isinstance(value, str) and bool(IDENTIFIER.fullmatch(value))
    return key in ("stop_reason", "stopReason", "finish_reason") and _is_reason(value)


def _is_model(value: Any) -> bool:
    return isinstance(value, str) and bool(MODEL.fullmatch(value)) and bool(KNOWN_MODEL.match(value))


def _is_reason(value: Any) -> bool:
    return isinstance(value, str) and value in FINISH_REASONS


def _usage(usage: Any) -> dict[str, Any]:
    if not isinstance(usage, dict):
        return {}
    return {
        key: _usage(value) if isinstance(value, dict) else value
        for key, value in usage.items()
        if key in USAGE_KEYS and (isinstance(value, dict) or number(value) is not None)
    }


def redacted(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Columns that are not known keep their names, numbers and truth values; any text in them goes."""
    return {
        key: value if value is None or isinstance(value, bool | int | float) else REMOVED
        for key, value in columns.items()
    }
