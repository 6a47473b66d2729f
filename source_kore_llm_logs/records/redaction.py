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

from source_kore_llm_logs.records import providers
from source_kore_llm_logs.records.decoding import Json
from source_kore_llm_logs.records.identity import NAMES, fold

REMOVED = "[redacted]"
"""Stands for a value that was removed; as a key, for columns that were, with their number."""
LONGEST_NAME = 256  # Characters, in one line, of the name of a task, prompt, node or model.
LONGEST_WORD = 160  # Characters of a text that may stay of a payload.


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


OTHER_COLUMNS = words(
    "language ttft conversationid channeluserid channeluserids guardrailoutcome riskscore integrationtype row"
)
"""Columns of the product's screen and of older versions, if the API gives them [U]; what no object is kept under."""
FINISH_REASONS = words(
    "stop length content_filter tool_calls function_call"  # OpenAI chat.completions
    " completed failed in_progress cancelled queued incomplete max_output_tokens max_messages"  # OpenAI Responses
    " end_turn max_tokens stop_sequence tool_use pause_turn refusal model_context_window_exceeded"  # Anthropic
    " guardrail_intervened content_filtered malformed_model_output malformed_tool_use"  # Bedrock Converse
    # Gemini: finish and block reasons
    " FINISH_REASON_UNSPECIFIED STOP MAX_TOKENS SAFETY RECITATION LANGUAGE OTHER BLOCKLIST PROHIBITED_CONTENT SPII"
    " MALFORMED_FUNCTION_CALL IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT IMAGE_OTHER NO_IMAGE IMAGE_RECITATION"
    " UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS MISSING_THOUGHT_SIGNATURE MALFORMED_RESPONSE MODEL_ARMOR"
    " BLOCKED_REASON_UNSPECIFIED JAILBREAK"
    " FINISHED FINISH LENGTH STOP_CRITERIA_MET RAG_QUERY_WHEN_RAG_DISABLED CONTENT_FILTERED"  # Titan
    " COMPLETE ERROR ERROR_TOXIC ERROR_LIMIT USER_CANCEL TOOL_CALL TIMEOUT"  # Cohere
    " not_finished eos_token token_limit time_limit EOS_TOKEN STOP_SEQUENCE"  # watsonx, Text Generation Inference
    " load unload content-filter tool-calls error other unknown"  # Ollama; Vercel AI SDK
)
ERRORS = words(
    # OpenAI and Azure OpenAI
    "invalid_request_error authentication_error invalid_api_key insufficient_quota rate_limit_exceeded server_error"
    " context_length_exceeded model_not_found content_filter content_policy_violation invalid_prompt requests tokens"
    " DeploymentNotFound ResponsibleAIPolicyViolation"
    # Anthropic
    " error billing_error permission_error not_found_error conflict_error request_too_large rate_limit_error"
    " api_error timeout_error overloaded_error"
    # Gemini
    " INVALID_ARGUMENT FAILED_PRECONDITION UNAUTHENTICATED PERMISSION_DENIED NOT_FOUND RESOURCE_EXHAUSTED INTERNAL"
    " UNAVAILABLE DEADLINE_EXCEEDED"
    # Bedrock
    " AccessDeniedException ConflictException InternalServerException ModelErrorException ModelNotReadyException"
    " ModelStreamErrorException ModelTimeoutException ResourceNotFoundException ServiceQuotaExceededException"
    " ServiceUnavailableException ThrottlingException ValidationException"
    # vLLM, and the network's errors as Node.js names them
    " BadRequestError NotFoundError InternalServerError TimeoutError AxiosError ECONNABORTED ECONNREFUSED ECONNRESET"
    " ENOTFOUND ETIMEDOUT ERR_BAD_REQUEST ERR_BAD_RESPONSE"
).union(providers.GATEWAY_REASONS, providers.GATEWAY_ERRORS)

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


@lru_cache(maxsize=1024)
def is_model(value: str) -> bool:
    return MODEL.fullmatch(value) is not None


def is_id(value: str) -> bool:
    return RESPONSE_ID.fullmatch(value) is not None or is_gemini_id(value)


def is_gemini_id(value: str) -> bool:
    """Whether a text is base64 of a second (of 2020 to 2039) and three numbers of seven bits a byte. google-genai
    documents `responseId` as "the encoding of the event_id"; that it begins so was seen in every public sample."""
    try:
        event = b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return False
    second, numbers = int.from_bytes(event[:4], "little"), event[4:]
    is_whole = 20 <= len(value) <= 32 and sum(byte < 128 for byte in numbers) == 3 and numbers[-1] < 128
    return is_whole and 1_577_836_800 <= second < 2_208_988_800


def is_sensible(value: Any) -> bool:
    """A number that a parameter or a count can be, not one that encodes something; no truth value, no NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 10**9


NUMBERS_KEPT = words(
    "code audiotokens texttokens imagetokens acceptedpredictiontokens rejectedpredictiontokens budgettokens"
    " topk n candidatecount seed thinkingbudget"
).union(providers.COUNTS, providers.PARAMETER_KEYS.keys() - providers.MODELS)
TEXTS_KEPT: Mapping[str, Callable[[str], bool]] = {
    **dict.fromkeys(providers.MODELS, is_model),
    **dict.fromkeys(providers.IDS, is_id),
    **dict.fromkeys(providers.REASONS, FINISH_REASONS.__contains__),
    **dict.fromkeys(words("reason blockreason status type error code"), (ERRORS | FINISH_REASONS).__contains__),
    **dict.fromkeys(words("message msg"), providers.GATEWAY_ERRORS.__contains__),
    **dict.fromkeys(
        words("reasoningeffort effort"),
        words("none minimal low medium high xhigh max LOW MEDIUM HIGH MINIMAL").__contains__,
    ),
    "object": words("chat.completion chat.completion.chunk text_completion response").__contains__,
}
"""Keys, folded as a column's are, of which a sensible number may stay, and a text that passes the test."""
KEPT = NUMBERS_KEPT | TEXTS_KEPT.keys()
OBJECTS_KEPT = words(
    "cachecreation thinkingconfig thinking reasoning error innererror incompletedetails promptfeedback"
    " prompttokendetails completiontokendetails inputtokendetails outputtokendetails"
    " prompttokensdetails completiontokensdetails inputtokensdetails outputtokensdetails"
).union(providers.HOLDERS, providers.USAGES)
LISTS_KEPT: Mapping[str, tuple[int, Container[str]]] = {
    **dict.fromkeys(providers.ANSWERS, (128, providers.REASONS)),
    "results": (1, providers.COUNTS.union(providers.REASONS)),
    "errors": (1, KEPT),
}
"""How many objects of a list may stay, and which of their keys: many numbers could be a text."""


def harmless(payload: Json, keys: Container[str] = KEPT, depth: int = 4) -> dict[str, Any]:
    """What may stay of a payload: parameters, usage, finish reasons, kinds of error, model and response id."""
    left: dict[str, Any] = {}
    for key, value in payload.items():
        name = fold(key)
        if isinstance(value, dict):
            if depth and name in OBJECTS_KEPT:
                left[key] = harmless(value, depth=depth - 1)
        elif isinstance(value, list):
            most, keys_inside = LISTS_KEPT.get(name, (0, ()))
            if most:
                left[key] = [harmless(item, keys_inside, 1) for item in value[:most] if isinstance(item, dict)]
        elif name in keys and is_harmless(name, value):
            left[key] = value
    return left


def is_harmless(name: str, value: Any) -> bool:
    if isinstance(value, str):
        return name in TEXTS_KEPT and len(value) <= LONGEST_WORD and TEXTS_KEPT[name](value)
    return name in NUMBERS_KEPT and is_sensible(value)


def harmless_columns(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Known columns keep their names, and numbers and truth values; of all others only their number is told."""
    left: dict[str, Any] = {}
    for key, value in columns.items():
        if fold(key) in NAMES or fold(key) in OTHER_COLUMNS:
            left[key] = value if value is None or isinstance(value, bool) or is_sensible(value) else REMOVED
    unknown = len(columns) - len(left)
    return {**left, REMOVED: unknown} if unknown else left


def is_name(value: Any) -> bool:
    """Whether a column of names holds one, not a text."""
    return not isinstance(value, str) or (len(value) <= LONGEST_NAME and value.splitlines() in ([], [value]))
