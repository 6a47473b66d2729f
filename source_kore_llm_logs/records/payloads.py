"""A payload is opened: the object that it is, or that its text, its stream or its envelope holds.

OpenAI, Azure OpenAI and guardrails are known from logged rows [C], the others by their public API references [U: no
logged sample is known]. `providers` reads what is opened; a payload that cannot be opened is kept whole all the same.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from source_kore_llm_logs.records.decoding import completed, lenient

Json = Mapping[str, Any]

STREAM = ("data:", "event:", "id:", "retry:", ":")
"""How a line of a stream of server-sent events begins (WHATWG HTML, 9.2)."""

ENVELOPES = (
    "message", "delta", "response",  # events of Anthropic, Cohere and OpenAI Responses; Vercel AI SDK
    "messageStop", "metadata", "amazon-bedrock-invocationMetrics",  # events of Bedrock; all of its models
    "x_groq", "details", "metrics",  # Groq's last chunk; Text Generation Inference; Replicate
    "output", "result", "chatResponse", "Response",  # Alibaba, Cloudflare, Oracle, Tencent
    "meta", "kwargs", "response_metadata", "llm_output",  # Cohere v1; LangChain's messages and results
    "interaction", "meta_info", "additional_kwargs",  # events of Gemini's Interactions; SGLang; LlamaIndex
)  # fmt: skip
"""Objects within a response, or within an event of a stream, that hold parts of the answer."""
ENVELOPES_AS_SET = frozenset(ENVELOPES)

CHUNK = frozenset(
    ["choices", "candidates", "promptFeedback", "usageMetadata", "error", "messageStop", "metadata", "generated_text",
     "message", "delta", "response", "usage"]
)  # fmt: skip
"""What an object has one of, if it is a part of an answer that was logged as a list."""


def opened(payload: Any) -> Json | None:
    """The object that a payload holds: itself, JSON text (also encoded twice, or cut off), the chunks of a stream laid
    over each other, or the `body` of Bedrock's InvokeModel; None for anything else. Raises nothing.

    The parts of envelopes stand beside what the object has itself. Texts may still hold what `plain` mends.
    """
    if isinstance(payload, str):
        payload = parsed(payload)
    if isinstance(payload, dict):
        body = payload.get("body")
        if isinstance(body, str):
            body = opened(body)
        return unwrapped({**payload, **body} if isinstance(body, dict) else payload)
    if isinstance(payload, list):
        return laid_over(chunk for chunk in payload if isinstance(chunk, dict) and not CHUNK.isdisjoint(chunk))
    return None


def parsed(text: str) -> Any:
    """The value that a text of JSON holds, or the object that its lines do; None for any other text."""
    begin = text.lstrip()[:8]
    if begin.startswith(STREAM):
        return laid_over(events(text))
    if begin[:1] not in ("{", "[", '"'):
        return None
    try:
        value = orjson.loads(text)
    except (orjson.JSONDecodeError, RecursionError):
        value = mended(text)
    # JSON that was encoded twice is a text again, and shorter.
    return parsed(value) if isinstance(value, str) else value


def mended(text: str) -> Any:
    """What JSON holds that is not strict: half surrogates, NaN, raw line breaks; an object a line; an end cut off."""
    try:
        return lenient(text)
    except (ValueError, RecursionError):
        whole = laid_over(events(text))
    if whole is not None:
        return whole
    try:
        return lenient(completed(text)) or None
    except (ValueError, RecursionError):
        return None


def events(text: str) -> Iterator[Json]:
    """The objects in lines of JSON, and of a stream of server-sent events: `data: {…}` [D]. The vendor's own sample has
    lines of broken JSON; they are left out, as is `data: [DONE]`."""
    for line in text.split("\n"):
        line = line.removeprefix("data:").strip()
        if line.startswith("{"):
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError:
                try:
                    yield lenient(line)
                except (ValueError, RecursionError):
                    continue


def laid_over(chunks: Iterable[Json]) -> Json | None:
    """One object of the chunks of an answer, the later over the earlier; None if there are none.

    What is null or empty replaces nothing, nor does a count of zero: the last of OpenAI's chunks has all of the usage
    and no answer, Anthropic counts the request in its first event and the answer in a later one.
    """
    whole: dict[str, Any] = {}
    for chunk in chunks:
        lay_over(whole, unwrapped(chunk))
    return whole or None


def unwrapped(part: Json, depth: int = 3) -> Json:
    """The part, and beside it what its envelopes hold; what it has itself comes first."""
    if not depth or ENVELOPES_AS_SET.isdisjoint(part):
        return part
    whole: dict[str, Any] = {}
    for key in ENVELOPES:
        if isinstance(part.get(key), dict):
            lay_over(whole, unwrapped(part[key], depth - 1))
    lay_over(whole, part)
    return whole


def lay_over(whole: dict[str, Any], part: Json, depth: int = 2) -> None:
    """Changes `whole`, but none of the objects in it: objects in both, and the first of their lists, are made anew."""
    for key, value in part.items():
        old = whole.get(key)
        if not old:
            if value is not None or key not in whole:
                whole[key] = value
        elif depth and isinstance(value, dict) and isinstance(old, dict):
            whole[key] = dict(old)
            lay_over(whole[key], value, depth - 1)
        elif depth and is_list_of_objects(value) and is_list_of_objects(old):
            if not value[0].get("index"):  # The first of several answers speaks for all.
                whole[key] = [dict(old[0]), *value[1:]]
                lay_over(whole[key][0], value[0], 0)
        elif value:
            whole[key] = value


def is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)
