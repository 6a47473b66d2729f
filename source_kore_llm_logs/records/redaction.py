"""What may stay when prompts and answers must go: only what is known not to be anybody's words.

A list of what may stay, not of what must go: known keys at known places, and there only numbers of a sensible size,
words of closed vocabularies, and model names and ids that look like their provider's. All else goes, whatever its
shape: unknown keys, all other text, all lists of numbers (tokens, log probabilities, embeddings are text too).
"""

import re
from base64 import b64decode
from collections.abc import Callable, Container, Mapping
from functools import lru_cache
from typing import Any

from source_kore_llm_logs.records.identity import fold
from source_kore_llm_logs.records.providers import (
    ANSWERS,
    COUNTS,
    GATEWAY_ERRORS,
    GATEWAY_REASONS,
    HOLDERS,
    IDS,
    MODELS,
    PARAMETERS,
    REASONS,
    USAGES,
)

REMOVED = "[redacted]"
"""Stands for a value that was removed; as a key, for columns that were, with their number."""

LONGEST_NAME = 256
"""A name of a task, prompt, node or model has at most so many characters, in one line."""

FINISH_REASONS = frozenset(
    # OpenAI chat.completions; Responses: statuses and reasons
    ["stop", "length", "content_filter", "tool_calls", "function_call", "completed", "failed", "in_progress",
     "cancelled", "queued", "incomplete", "max_output_tokens", "max_messages",
     # Anthropic and Bedrock Converse
     "end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded",
     "guardrail_intervened", "content_filtered", "malformed_model_output", "malformed_tool_use",
     # Gemini: finish and block reasons
     "FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "LANGUAGE", "OTHER", "BLOCKLIST",
     "PROHIBITED_CONTENT", "SPII", "MALFORMED_FUNCTION_CALL", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT",
     "IMAGE_OTHER", "NO_IMAGE", "IMAGE_RECITATION", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS",
     "MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE", "MODEL_ARMOR", "BLOCKED_REASON_UNSPECIFIED", "JAILBREAK",
     # Titan
     "FINISHED", "FINISH", "LENGTH", "STOP_CRITERIA_MET", "RAG_QUERY_WHEN_RAG_DISABLED", "CONTENT_FILTERED",
     # Cohere; watsonx and Text Generation Inference; Ollama; Vercel AI SDK
     "COMPLETE", "ERROR", "ERROR_TOXIC", "ERROR_LIMIT", "USER_CANCEL", "TOOL_CALL", "TIMEOUT", "not_finished",
     "eos_token", "token_limit", "time_limit", "EOS_TOKEN", "STOP_SEQUENCE", "load", "unload", "content-filter",
     "tool-calls", "error", "other", "unknown"]
)  # fmt: skip
ERRORS = frozenset(
    # OpenAI and Azure OpenAI
    ["invalid_request_error", "authentication_error", "invalid_api_key", "insufficient_quota", "rate_limit_exceeded",
     "server_error", "context_length_exceeded", "model_not_found", "content_filter", "content_policy_violation",
     "invalid_prompt", "requests", "tokens", "DeploymentNotFound", "ResponsibleAIPolicyViolation",
     # Anthropic
     "error", "billing_error", "permission_error", "not_found_error", "conflict_error", "request_too_large",
     "rate_limit_error", "api_error", "timeout_error", "overloaded_error",
     # Gemini
     "INVALID_ARGUMENT", "FAILED_PRECONDITION", "UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND",
     "RESOURCE_EXHAUSTED", "INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED",
     # Bedrock
     "AccessDeniedException", "ConflictException", "InternalServerException", "ModelErrorException",
     "ModelNotReadyException", "ModelStreamErrorException", "ModelTimeoutException", "ResourceNotFoundException",
     "ServiceQuotaExceededException", "ServiceUnavailableException", "ThrottlingException", "ValidationException",
     # vLLM, and the network's errors as Node.js names them
     "BadRequestError", "NotFoundError", "InternalServerError", "TimeoutError", "AxiosError", "ECONNABORTED",
     "ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "ETIMEDOUT", "ERR_BAD_REQUEST", "ERR_BAD_RESPONSE",
     # The platform's own gateway
     *GATEWAY_REASONS, *GATEWAY_ERRORS]
)  # fmt: skip
OBJECTS = frozenset(["chat.completion", "chat.completion.chunk", "text_completion", "response"])
EFFORTS = frozenset(["none", "minimal", "low", "medium", "high", "xhigh", "max", "LOW", "MEDIUM", "HIGH", "MINIMAL"])

# A family that is known, then only words that models are called by, and versions. `Claude` alone is a name, no model.
MODEL = re.compile(
    r"""
    (arn:aws(-us-gov|-cn)?:bedrock:[a-z]{2}(-gov)?-(north|south|east|west|central){1,2}-\d:\d{0,12}
        :(foundation-model|inference-profile)/)?
    ((publishers/(google|anthropic|meta|mistralai|deepseek-ai|qwen|openai)/)?models/)?
    ((us|eu|apac|au|jp|global)\.)?
    ((openai|anthropic|amazon|meta|mistral|mistralai|meta-llama|cohere|ai21|deepseek|deepseek-ai|google|qwen|microsoft|writer)[./])?
    (gpt|chatgpt|o(?=\d)|claude|gemini|gemma|llama|codellama|mistral|mixtral|ministral|magistral|codestral|devstral|pixtral|
        command|titan|nova|phi|deepseek|qwen|palm|bison|jurassic|jamba|palmyra|grok|sonar|granite|davinci|babbage|curie|ada|
        text-(davinci|curie|babbage|ada|bison|unicorn|embedding)|model-router|computer-use|codex)
    (\d{1,3}([.]\d{1,3})?[a-z]?|(?=[-._:/@]))
    ([-._:@/](
        turbo|instruct|it|chat|mini|nano|micro|tiny|small|medium|large|lite|pro|premier|plus|express|ultra|flash|max|
        high|low|omni|base|text|code|codex|vision|image|audio|realtime|transcribe|tts|preview|latest|exp|experimental|
        stable|thinking|reasoning|reasoner|coder|search|research|deep|haiku|sonnet|opus|instant|fable|mythos|scout|
        maverick|nemo|light|nightly|distill|llama|qwen|gpt|oss|r|x|vl|embedding|gecko|bison|davinci|hf|sonic|canvas|
        grande|mid|jumbo|customtools|live|native|dialog|multimodal|safeguard|
        [a-z]?\d{1,8}(x\d{1,3})?[a-z]?
    ))*
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
RESPONSE_ID = re.compile(
    r"""
    (chatcmpl|cmpl)-([A-Za-z0-9]{26,32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})  # OpenAI, Azure, servers like them
    | resp_[0-9a-f]{32,80}                                                          # OpenAI Responses
    | (msg|compl)_(bdrk_|vrtx_)?01[A-Za-z0-9]{22}                                   # Anthropic, also on other clouds
    """,
    re.VERBOSE | re.ASCII,
)


def one_of(words: frozenset[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in words


def is_gemini_id(value: Any) -> bool:
    """Whether a text is an event's id: base64 of a second (of 2020 to 2039) and three numbers of seven bits a byte.

    Gemini's ids have no mark of their own. google-genai documents `responseId` as "the encoding of the event_id"; that
    it begins with the time of the answer was seen in every public sample, to the microsecond where that is told, too.
    """
    if not isinstance(value, str) or not 20 <= len(value) <= 32:
        return False
    try:
        event = b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return False
    second = int.from_bytes(event[:4], "little")
    return 1_577_836_800 <= second < 2_208_988_800 and sum(byte < 128 for byte in event[4:]) == 3 and event[-1] < 128


def is_id(value: Any) -> bool:
    return isinstance(value, str) and (RESPONSE_ID.fullmatch(value) is not None or is_gemini_id(value))


def is_model(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 160 and _is_model(value)


@lru_cache(maxsize=1024)
def _is_model(value: str) -> bool:
    return MODEL.fullmatch(value) is not None


def sensible(value: Any) -> bool:
    """A number that a parameter or a count can be, not one that encodes something; no truth value, no NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 10**9


REASON, GATEWAY_ERROR = one_of(FINISH_REASONS), one_of(GATEWAY_ERRORS)
KIND = one_of(ERRORS | FINISH_REASONS)
HARMLESS: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(PARAMETERS, sensible),
    **dict.fromkeys(
        [*COUNTS, "audiotokens", "texttokens", "imagetokens", "acceptedpredictiontokens", "rejectedpredictiontokens",
         "topk", "n", "candidatecount", "seed", "budgettokens", "thinkingbudget"],
        sensible,
    ),
    **dict.fromkeys(MODELS, is_model),
    **dict.fromkeys(IDS, is_id),
    **dict.fromkeys(REASONS, REASON),
    **dict.fromkeys(["reason", "blockreason", "status", "type", "error"], KIND),
    "code": lambda value: KIND(value) or sensible(value),
    **dict.fromkeys(["reasoningeffort", "effort"], one_of(EFFORTS)),
    "object": one_of(OBJECTS),
    **dict.fromkeys(["message", "msg"], GATEWAY_ERROR),
}  # fmt: skip
"""A key, folded as a column's is, and the test that its value must pass."""

OBJECTS_KEPT = frozenset(
    [*HOLDERS, *USAGES, "cachecreation", "thinkingconfig", "thinking", "reasoning", "error", "innererror",
     "incompletedetails", "promptfeedback",
     *(f"{of}{token}details" for of in ("prompt", "completion", "input", "output") for token in ("token", "tokens"))]
)  # fmt: skip
LISTS_KEPT: Mapping[str, tuple[int, frozenset[str]]] = {
    **dict.fromkeys(ANSWERS, (128, frozenset(REASONS))),
    "results": (1, frozenset([*REASONS, *COUNTS])),
    "errors": (1, frozenset(HARMLESS)),
}
"""How many objects of a list may stay, and which of their keys: many numbers could be a text."""


def harmless(payload: Mapping[str, Any], keys: Container[str] = HARMLESS, depth: int = 4) -> dict[str, Any]:
    """What may stay of a payload: parameters, usage, finish reasons, kinds of error, model and response id."""
    left: dict[str, Any] = {}
    for key, value in payload.items():
        name = fold(key)
        if isinstance(value, dict):
            if depth and name in OBJECTS_KEPT:
                left[key] = harmless(value, depth=depth - 1)
        elif isinstance(value, list):
            if name in LISTS_KEPT:
                most, keys_inside = LISTS_KEPT[name]
                left[key] = [harmless(item, keys_inside, 1) for item in value[:most] if isinstance(item, dict)]
        elif name in keys and name in HARMLESS and HARMLESS[name](value):
            left[key] = value
    return left


def harmless_columns(columns: Mapping[str, Any], is_known: Callable[[str], bool]) -> dict[str, Any]:
    """Known columns keep their names, and numbers and truth values; of all others only their number is told."""
    left: dict[str, Any] = {}
    unknown = 0
    for key, value in columns.items():
        if not is_known(key):
            unknown += 1
        else:
            left[key] = value if value is None or isinstance(value, bool) or sensible(value) else REMOVED
    return {**left, REMOVED: unknown} if unknown else left


def is_name(value: Any) -> bool:
    """Whether a column of names holds one, not a text."""
    return not isinstance(value, str) or (len(value) <= LONGEST_NAME and value.splitlines() in ([], [value]))
