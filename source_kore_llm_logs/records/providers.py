"""What a call's payloads say of it, in the same columns for every provider: one table, and how it is read.

A shape that nobody foresaw gives nulls, and its payload is kept whole. Token counts are part of a row's `id` where the
log has none of its own: a new path among `TOKENS` changes the ids of the rows in which it is found, which is breaking.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

from source_kore_llm_logs.records.decoding import fits_64_bits, plain
from source_kore_llm_logs.records.identity import fold, folded
from source_kore_llm_logs.records.payloads import Json

TOKENS: Mapping[str, tuple[str, ...]] = {
    "input": (
        "prompttokens",  # source: platform.openai.com/docs/api-reference/chat/object
        "inputtokens",  # source: docs.anthropic.com/en/api/messages; OpenAI Responses, Converse, Cohere, Vercel AI SDK
        "prompttokencount",  # source: ai.google.dev/api/generate-content; docs.aws.amazon.com/bedrock (Llama)
        "inputtokencount",  # source: docs.aws.amazon.com/bedrock (invocation metrics); cloud.ibm.com/apidocs/watsonx-ai
        "inputtexttokencount",  # source: docs.aws.amazon.com/bedrock (Titan)
        "promptevalcount",  # source: github.com/ollama/ollama/blob/main/docs/api.md
        "tokensevaluated",  # source: github.com/ggml-org/llama.cpp/tree/master/tools/server
        "inputlength",  # source: huggingface.github.io/text-generation-inference (StreamDetails)
        "numtokensprompttotal",  # source: docs.aleph-alpha.com
        "totalinputtokens",  # source: ai.google.dev/api/interactions-api
    ),
    "output": (  # The sources are those of the input, where none is given.
        "completiontokens",
        "outputtokens",
        "candidatestokencount",  # Gemini
        "responsetokencount",  # source: ai.google.dev/api/live
        "generationtokencount",  # Llama
        "generatedtokencount",  # watsonx
        "outputtokencount",
        "totaloutputtexttokencount",  # Titan, streamed
        "tokencount",  # Titan
        "evalcount",  # Ollama
        "tokenspredicted",  # llama.cpp
        "generatedtokens",  # Text Generation Inference
        "numtokensgenerated",  # Aleph Alpha
        "generationtokens",  # source: docs.spring.io/spring-ai (Usage)
        "totaloutputtokens",  # Gemini's Interactions
    ),
    "total": ("totaltokens", "totaltokencount"),
    "cached": (
        "details.cachedtokens",  # OpenAI
        "details.cacheread",  # source: reference.langchain.com (InputTokenDetails)
        "details.cachereadtokens",  # source: ai-sdk.dev (LanguageModelUsage)
        "details.cachereadinputtokens",  # Alibaba
        "details.cachedtokencount",  # source: learn.microsoft.com/dotnet/api/openai.chat (ChatTokenUsage)
        "cachedcontenttokencount",  # Gemini
        "promptcachehittokens",  # source: api-docs.deepseek.com/api/create-chat-completion
        "cachedtokens",  # source: platform.moonshot.ai, docs.together.ai, docs.cohere.com
        "cachedinputtokens",  # source: ai-sdk.dev, version 5
        "totalcachedtokens",  # Gemini's Interactions
        "cachereadinputtokens",  # Anthropic; source: docs.aws.amazon.com/bedrock (TokenUsage)
        "cachereadinputtokencount",  # source: docs.aws.amazon.com/nova
    ),
    "written": (
        "details.cachewritetokens",  # source: openrouter.ai/docs/use-cases/usage-accounting; OpenAI Responses
        "details.cachecreation",  # LangChain
        "details.cachecreationtokens",  # source: docs.litellm.ai/docs/completion/prompt_caching
        "details.cachecreationinputtokens",  # source: help.aliyun.com/zh/model-studio (context cache)
        "cachecreationinputtokens",  # Anthropic
        "cachewriteinputtokens",  # Bedrock Converse
        "cachewriteinputtokencount",  # Nova
    ),
    # Anthropic's, and LangChain's: what is written for five minutes, and for an hour, where their sum is not told.
    "written 5m": ("details.ephemeral5minputtokens", "cachecreation.ephemeral5minputtokens"),
    "written 1h": ("details.ephemeral1hinputtokens", "cachecreation.ephemeral1hinputtokens"),
    "reasoning": (
        "details.reasoningtokens",  # OpenAI; source: docs.x.ai, where they may stand beside the completion
        "details.thinkingtokens",  # Anthropic
        "details.reasoning",  # LangChain
        "details.reasoningtokencount",  # OpenAI's .NET library
        "reasoningtokens",  # source: docs.perplexity.ai (sonar-deep-research), in no other count; ai-sdk.dev
        "reasoningoutputtokens",  # source: developers.openai.com/codex
        "thoughtstokencount",  # Gemini: beside the candidates
        "totalthoughttokens",  # Gemini's Interactions, likewise
    ),
    "tools": ("tooluseprompttokencount", "totaltoolusetokens"),  # Gemini: beside the prompt
}
"""What is counted, and under which paths, the first before the others. A path is a key, folded as a column's is:
`promptTokens` and `prompt_tokens` are one. `details.` stands for any object of a usage whose key ends so."""

USAGES = (
    "usage",  # OpenAI and all that imitate it, Anthropic, Bedrock Converse, Cohere v2
    "usagemetadata",  # Gemini, LangChain
    "tokenusage",  # source: reference.langchain.com (response_metadata)
    "tokens",  # source: docs.cohere.com/reference/chat: all that the model saw, then what is paid for
    "billedunits",
    "tokenmetadata",  # source: cloud.google.com/vertex-ai (PaLM): objects with `totalTokens`
)
"""Objects of a response that hold counts. So do the response itself, and the first of its `results`."""

PARTS = ("tokens", "billedunits")
"""Those that a usage may hold itself."""

BESIDE_THE_INPUT = frozenset(
    ["cachereadinputtokens", "cachereadinputtokencount", "cachecreationinputtokens", "cachewriteinputtokens",
     "cachewriteinputtokencount", "cachecreation.ephemeral5minputtokens", "cachecreation.ephemeral1hinputtokens"]
)  # fmt: skip
"""Counts that are no part of `input_tokens`: Anthropic, Bedrock Converse, Nova. Of `prompt_tokens` they are."""

PATHS = {path: (what, rank) for what, paths in TOKENS.items() for rank, path in enumerate(paths)}
COUNTS = frozenset(path.rpartition(".")[2] for path in PATHS)

PARAMETERS: Mapping[str, str] = {
    "model": "request_model",
    "modelid": "request_model",  # Bedrock, watsonx
    "temperature": "temperature",
    "topp": "top_p",
    "p": "top_p",  # source: docs.cohere.com/reference/chat
    "maxtokens": "max_tokens",
    "maxcompletiontokens": "max_tokens",  # OpenAI's reasoning models
    "maxoutputtokens": "max_tokens",  # OpenAI Responses, Gemini
    "maxtokenstosample": "max_tokens",  # Anthropic's old completions
    "maxtokencount": "max_tokens",  # Titan
    "maxgenlen": "max_tokens",  # Llama on Bedrock
    "maxnewtokens": "max_tokens",  # source: huggingface.github.io/text-generation-inference; watsonx
    "numpredict": "max_tokens",  # Ollama
    "npredict": "max_tokens",  # llama.cpp
    "maximumtokens": "max_tokens",  # Aleph Alpha
    "frequencypenalty": "frequency_penalty",
    "presencepenalty": "presence_penalty",
}
"""A key of a request, at its top or in a holder, and its column."""

HOLDERS = (
    "generationconfig",  # Gemini
    "inferenceconfig",  # Bedrock Converse, Nova
    "textgenerationconfig",  # Titan
    "parameters",  # watsonx, Text Generation Inference, Alibaba, Vertex AI
    "options",  # Ollama
)
"""Objects of a request that hold parameters."""

ANSWERS = (
    "choices",  # OpenAI
    "candidates",  # Gemini
    "results",  # Titan, watsonx
    "generations",  # source: docs.aws.amazon.com/bedrock model-parameters-cohere-command
    "outputs",  # source: docs.aws.amazon.com/bedrock model-parameters-mistral-text-completion
    "completions",  # source: docs.aws.amazon.com/bedrock model-parameters-jurassic2; Aleph Alpha
)
"""Lists of answers in a response; the first speaks for all."""
REASONS = ("finishreason", "stopreason", "completionreason", "donereason")
"""Why the model stopped, in an answer or at the top of a response."""
MODELS = ("model", "modelversion", "modelname", "modelid")
IDS = ("id", "responseid")

INTEGRATIONS: Mapping[str, str] = {
    # The platform's own [D: dv2:generative-ai-tools/llm-integration.mdx].
    "openai": "openai", "azureopenai": "azure.ai.openai", "anthropic": "anthropic", "googlegemini": "gcp.gemini",
    "amazonbedrock": "aws.bedrock",
    # Shorter and fuller names of the same, and the other well-known providers, as users may call an integration.
    "azure": "azure.ai.openai", "gemini": "gcp.gemini", "google": "gcp.gen_ai", "bedrock": "aws.bedrock",
    "awsbedrock": "aws.bedrock", "vertexai": "gcp.vertex_ai", "googlevertexai": "gcp.vertex_ai", "cohere": "cohere",
    "deepseek": "deepseek", "groq": "groq", "ibmwatsonx": "ibm.watsonx.ai", "watsonx": "ibm.watsonx.ai",
    "mistral": "mistral_ai", "mistralai": "mistral_ai", "perplexity": "perplexity", "xai": "x_ai",
}  # fmt: skip
"""The name of an integration, folded, and the provider in OpenTelemetry's words (`gen_ai.provider.name`)."""

ID_PREFIXES = (
    ("msg_bdrk_", "aws.bedrock"), ("compl_bdrk_", "aws.bedrock"), ("msg_vrtx_", "gcp.vertex_ai"),
    ("msg_01", "anthropic"), ("compl_01", "anthropic"),
)  # fmt: skip
"""How ids of Anthropic's models begin, on each cloud."""

KEYS = (
    ("prompt_filter_results", "azure.ai.openai"),
    ("usageMetadata", "gcp.gen_ai"),  # Gemini answers alike on both of Google's endpoints.
    ("promptFeedback", "gcp.gen_ai"),
    ("inputTextTokenCount", "aws.bedrock"),  # Titan
    ("prompt_token_count", "aws.bedrock"),  # Llama
    ("stopReason", "aws.bedrock"),  # Converse, Nova
    ("amazon-bedrock-invocationMetrics", "aws.bedrock"),
    ("x_groq", "groq"),
)
"""A key that only one provider's responses have. OpenAI's shape decides nothing: many servers imitate it."""

GATEWAY_REASONS = frozenset(["retry_exhausted", "deadline_missed", "queue_full", "evicted"])
GATEWAY_ERRORS = frozenset(["GenAI Gateway Circuit Open", "GenAI Gateway Circuit Open Error"])
"""How the platform's own gateway fails, with status 429 [D: dv2:generative-ai-tools/genai-gateway.mdx]; where in a
payload these stand is not documented [U]."""


Count = tuple[bool, int, int, int, str]
"""Whether it is zero, the place of its usage and its path's, the count, its path: the least of several is taken."""
CACHES = ("cached", "written", "written 5m", "written 1h")
NO_COUNT: Count = (True, 0, 0, 0, "")


def usage_of(response: Json) -> dict[str, int | None]:
    """The token columns that a response, opened and folded, tells of. Raises nothing.

    Providers differ in whether cached tokens are part of the input, and reasoning of the output. The total decides
    where it fits one of these readings; else the names do. What a total has beyond both was generated.
    """
    counts = counts_of(response)
    if not counts:
        return {}
    told = {what: counted for what, (_, _, _, counted, _) in counts.items()}
    cached, written, total = told.get("cached"), told.get("written"), told.get("total")
    written = written or told.get("written 5m", 0) + told.get("written 1h", 0) or written
    request, response_tokens = told.get("input"), told.get("output")
    if cached or written or "reasoning" in counts or "tools" in counts:
        requests, responses = request_readings(counts, (cached or 0) + (written or 0)), response_readings(counts)
        fitting = (both for both in product(requests, responses) if None not in both and sum(both) == total)
        request, response_tokens = next(fitting, (requests[0], responses[0]))
    if total is not None and total > (request or 0) + (response_tokens or 0):
        if request is not None:
            response_tokens = total - request
        elif response_tokens is not None:
            request = total - response_tokens
    if request is not None and response_tokens is not None:
        total = request + response_tokens
    return {
        "request_tokens": request,
        "response_tokens": response_tokens,
        "total_tokens": total,
        "cached_tokens": cached,
        "cache_write_tokens": written,
        "reasoning_tokens": told.get("reasoning"),
    }


def request_readings(counts: Mapping[str, Count], cache: int) -> list[Any]:
    """What the whole request may have been, the likeliest first."""
    if "input" not in counts:
        return [None]
    request = counts["input"][3] + counts.get("tools", NO_COUNT)[3]
    if not cache:
        return [request]
    paths = {counts[what][4] for what in CACHES if counts.get(what, NO_COUNT)[3]}
    is_beside = counts["input"][4] != "prompttokens" and paths <= BESIDE_THE_INPUT
    return [request + cache] if is_beside or cache > request else [request, request + cache]


def response_readings(counts: Mapping[str, Count]) -> list[Any]:
    """What the whole response may have been, the likeliest first."""
    if "output" not in counts:
        return [counts["reasoning"][3] if "reasoning" in counts else None]
    response, (_, _, _, reasoning, path) = counts["output"][3], counts.get("reasoning", NO_COUNT)
    if not reasoning or reasoning > response:
        return [response + reasoning]
    both = [response, response + reasoning]
    return both[::-1] if "thought" in path else both


def counts_of(response: Json) -> dict[str, Count]:
    """What is counted -> its count. The first object that has one tells it, until input and output are told."""
    counts: dict[str, Count] = {}
    for place, usage in enumerate(usages_of(response)):
        for path, value in leaves(usage):
            found = value if type(value) is int else count(value)
            if found is not None and 0 <= found < 10**9:  # What is beyond may be a text that is written as a number.
                what, rank = PATHS[path]
                one = (not found, place, rank, found, path)
                if what not in counts or one < counts[what]:
                    counts[what] = one
        if "input" in counts and "output" in counts:
            break
    return counts


def usages_of(response: Json) -> Iterator[Json]:
    for name in USAGES:
        usage = response.get(name)
        if isinstance(usage, dict):
            yield usage
            inner = folded(usage)
            yield from (inner[part] for part in PARTS if isinstance(inner.get(part), dict))
    yield response
    results = response.get("results")
    if isinstance(results, list) and results and isinstance(results[0], dict):
        yield results[0]


def leaves(usage: Json) -> Iterator[tuple[str, Any]]:
    """Path -> value of what may be a count, in a usage and in the objects of it that hold details."""
    for key, value in usage.items():
        name = fold(key)
        if isinstance(value, dict) and name in PATHS:
            yield name, value.get("totalTokens")
        elif isinstance(value, dict):
            prefix = "details." if name.endswith("details") else f"{name}."
            for inner, inner_value in value.items():
                path = prefix + fold(inner)
                if path in PATHS:
                    yield path, inner_value
        elif name in PATHS:
            yield name, value


def count(value: Any) -> int | None:
    """A whole number of 64 bits, also from a float or from text; None for anything else."""
    if type(value) is str and re.fullmatch("[0-9]{1,18}", value.strip()):
        return int(value.strip())
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and fits_64_bits(value) else None


def added(one: int | None, other: int | None) -> int | None:
    """The sum; None if one of the two is not known, or if the sum is beyond 64 bits."""
    return None if one is None or other is None else count(one + other)


def word(value: Any) -> str | None:
    """A text, as every database takes it."""
    if not isinstance(value, str):
        return None
    return value if value.isascii() and "\0" not in value else plain(value)


def word_at(holder: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """The first text that is not empty under one of these keys, or under `reason` or `type` of an object there."""
    for name in names:
        value = holder.get(name)
        found = word(value.get("reason", value.get("type")) if isinstance(value, dict) else value)
        if found:
            return found
    return None


def answer_of(response: Json) -> dict[str, Any]:
    """The columns of an answer, opened and folded: model, the provider's own id, and why the model stopped, as the
    provider spells it."""
    return {
        "response_model": word_at(response, MODELS),
        "response_id": word_at(response, IDS),
        "finish_reason": finish_reason(response),
    }


def finish_reason(response: Json) -> str | None:
    for name in ANSWERS:
        answers = response.get(name)
        if isinstance(answers, list) and answers and isinstance(answers[0], dict):
            found = word_at(folded(answers[0]), REASONS)
            if found:
                return found
    if response.get("object") in ("response", "realtime.response"):
        # OpenAI Responses has a status, and a reason if that is `incomplete`.
        return word_at(response, ("incompletedetails", "status"))
    blocked = response.get("promptfeedback")  # Gemini answered nothing at all.
    return word_at(folded(blocked), ("blockreason",)) if isinstance(blocked, dict) else word_at(response, REASONS)


def number(value: Any) -> float | None:
    """A number that DECIMAL(38, 9) holds, also from text; None for anything else."""
    if type(value) not in NUMBERS:
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < 1e29 else None


NUMBERS = (float, int, str)
READERS: Mapping[str, Callable[[Any], Any]] = {
    "request_model": word, "max_tokens": count, "temperature": number, "top_p": number, "frequency_penalty": number,
    "presence_penalty": number,
}  # fmt: skip


def parameters(request: Json) -> dict[str, Any]:
    """Column -> value of the parameters at the top of a request, then those of its holders."""
    found: dict[str, Any] = {}
    holders = [request]
    for holder in holders:
        for key, value in holder.items():
            name = fold(key)
            column = PARAMETERS.get(name)
            if column is not None and found.get(column) is None:
                found[column] = READERS[column](value)
            elif name in HOLDERS and holder is request and isinstance(value, dict):
                holders.append(value)
    return found


def provider(integration: Any, response: Json | None, identity: str | None) -> str | None:
    """The provider's well-known name: by the integration, whose name may be the user's own, then by the id of the
    answer and by what only one provider writes. None where nothing tells. Raises nothing."""
    if isinstance(integration, str) and fold(integration) in INTEGRATIONS:
        return INTEGRATIONS[fold(integration)]
    marks = (name for prefix, name in ID_PREFIXES if (identity or "").startswith(prefix))
    return next(marks, next((name for key, name in KEYS if key in (response or {})), None))


def failure(payload: Any, response: Json | None, failed: bool) -> tuple[str | None, str | None]:
    """The columns `error_type` and `error_message` of a response as it was logged, and opened. `failed`: the row says
    that its call failed. Raises nothing.

    The kind of error is the gateway's reason, else what the provider calls `type` (Gemini: `status`, Bedrock:
    `__type`), else its code. Text and objects that are no known error count as one only if the call failed.
    """
    if response is None:
        return None, payload if failed and isinstance(payload, str) and payload else None
    error = response.get("error") or response.get("errors")
    if isinstance(error, list):
        error = error[0] if error else None
    if isinstance(error, str):
        error = {**response, "message": error}
    elif not isinstance(error, dict):
        # Bedrock; vLLM; the platform's own envelope [I].
        is_one = failed or "__type" in response or response.get("object") == "error"
        if not is_one or _message_of(response) is None:
            return None, None
        error = response
    return _type_of(error, response), _message_of(error)


def _type_of(error: Json, response: Json) -> str | None:
    for reason in (error.get("reason"), response.get("reason")):
        if isinstance(reason, str) and reason in GATEWAY_REASONS:
            return reason
    for key in ("__type", "type", "status", "code", "name"):
        # Bedrock's may have its namespace before it: `com.amazon.coral.service#ThrottlingException`.
        kind = (word(error.get(key)) or "").rpartition("#")[2]
        if kind and not (key == "type" and kind == "error"):
            return kind
    message = _message_of(error)
    return message if message in GATEWAY_ERRORS else None


def _message_of(error: Json) -> str | None:
    for key in ("message", "msg", "detail", "Message"):
        found = word(error.get(key))
        if found:
            return found
    kind = word(error.get("type"))
    return kind if kind in GATEWAY_ERRORS else None
