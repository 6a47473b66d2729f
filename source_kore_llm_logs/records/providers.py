"""What payloads say of a call, in the same columns for every provider. `providers.yaml` lists the keys; a shape that
nobody foresaw gives nulls."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from source_kore_llm_logs.records import table
from source_kore_llm_logs.records.decoding import Json, fits_64_bits, plain
from source_kore_llm_logs.records.identity import fold, folded

TABLE: Mapping[str, Any] = table("providers")
INTEGRATIONS: Mapping[str, str] = TABLE["integrations"]
ID_PREFIXES, KEYS = TABLE["id_prefixes"], TABLE["keys"]
USAGES, HOLDERS, ANSWERS = TABLE["usages"], TABLE["holders"], TABLE["answers"]
REASONS, REASONS_INSIDE, MODELS, IDS = TABLE["reasons"], TABLE["reasons_inside"], TABLE["models"], TABLE["ids"]
ERROR_KINDS, ERROR_MESSAGES, EXCEPTIONS = TABLE["error_kinds"], TABLE["error_messages"], TABLE["exceptions"]
GATEWAY_REASONS, GATEWAY_ERRORS = TABLE["gateway_reasons"], TABLE["gateway_errors"]
PATHS = {path.lstrip("+"): (what, rank) for what, paths in TABLE["tokens"].items() for rank, path in enumerate(paths)}
BESIDE = frozenset(path[1:] for paths in TABLE["tokens"].values() for path in paths if path[0] == "+")
COUNTS = frozenset(path.rpartition(".")[2] for path in PATHS)
PARAMETER_KEYS = {key: column for column, keys in TABLE["parameters"].items() for key in keys}
Count = tuple[bool, int, int, int, str]
"""Whether it is zero, the places of its usage and of its path, the count, the path: the least of several is taken."""


def usage_of(response: Json) -> dict[str, int | None]:
    """The token columns that a response, opened and folded, tells of. Providers differ in whether cached tokens are
    part of the input, and reasoning of the output. The total decides where it fits one of these readings; else the
    names do. What a total has beyond both was generated."""
    found = counts_of(response)
    counts = {what: one[3] for what, one in found.items()}
    cached, written, total = counts.get("cached"), counts.get("written"), counts.get("total")
    written = written or counts.get("written 5m", 0) + counts.get("written 1h", 0) or written
    requests, responses = request_readings(found, (cached or 0) + (written or 0)), response_readings(found)
    pairs = [(one, other) for one in requests for other in responses]
    request, answered = next((pair for pair in pairs if None not in pair and sum(pair) == total), pairs[0])
    if total is not None and total > (request or 0) + (answered or 0):
        if request is not None:
            answered = total - request
        elif answered is not None:
            request = total - answered
    return {
        "request_tokens": request,
        "response_tokens": answered,
        "total_tokens": total if request is None or answered is None else request + answered,
        "cached_tokens": cached,
        "cache_write_tokens": written,
        "reasoning_tokens": counts.get("reasoning"),
    }


def request_readings(found: Mapping[str, Count], cache: int) -> list[Any]:
    """What the whole request may have been, the likeliest first."""
    if "input" not in found:
        return [None]
    *_, request, path = found["input"]
    request += found["tools"][3] if "tools" in found else 0
    caches = {path for what, (*_, count, path) in found.items() if count and what.startswith(("cached", "written"))}
    is_beside = path != "prompttokens" and caches <= BESIDE
    return [request + cache] if is_beside or cache > request else [request, request + cache]


def response_readings(found: Mapping[str, Count]) -> list[Any]:
    """What the whole response may have been, the likeliest first."""
    *_, reasoning, path = found.get("reasoning", (None, ""))
    if "output" not in found or not reasoning:
        return [found["output"][3] if "output" in found else reasoning]
    both = [found["output"][3], found["output"][3] + reasoning]
    return both[1:] if reasoning > both[0] else both[::-1] if path in BESIDE else both


def counts_of(response: Json) -> dict[str, Count]:
    """What is counted -> its count, of the first object that has one; after input and output, only what is not told."""
    counts: dict[str, Count] = {}
    for place, usage in enumerate(usages_of(response)):
        told = frozenset(counts if "input" in counts and "output" in counts else ())
        for path, value in leaves(usage):
            found = value if type(value) is int else whole_number(value)
            what, rank = PATHS[path]
            # What is larger may be a text that is written as a number.
            if found is not None and 0 <= found < 10**9 and what not in told:
                one = (not found, place, rank, found, path)
                counts[what] = min(one, counts.get(what, one))
    return counts


def usages_of(response: Json) -> Iterator[Json]:
    for usage in map(response.get, USAGES):
        if isinstance(usage, dict):
            yield usage
            inner = folded(usage)  # Cohere's stand within a usage, too.
            yield from (inner[name] for name in ("tokens", "billedunits") if isinstance(inner.get(name), dict))
    yield response
    yield from first_of(response.get("results"))


def first_of(objects: Any) -> list[Json]:
    """The first object of a list of objects, or of the first of lists of them; nothing of anything else."""
    while isinstance(objects, list) and objects and not isinstance(objects[0], dict):
        objects = objects[0]
    return objects[:1] if isinstance(objects, list) else []


def leaves(usage: Json) -> Iterator[tuple[str, Any]]:
    """Path -> value of what may be a count, in a usage and in the objects in it."""
    for key, value in usage.items():
        name = fold(key)
        if isinstance(value, dict):
            prefix = "details." if name.endswith("details") else f"{name}."
            yield from ((path, inner) for key, inner in value.items() if (path := prefix + fold(key)) in PATHS)
        elif name in PATHS:
            yield name, value


def whole_number(value: Any) -> int | None:
    """A whole number of 64 bits, also from a float or from text; None for anything else."""
    if type(value) is int:
        return value if fits_64_bits(value) else None
    if isinstance(value, float):
        return whole_number(int(value)) if value.is_integer() else None
    found = re.fullmatch(r"(-?[0-9]{1,18})(\.0+)?", value.strip()) if isinstance(value, str) else None
    return int(found[1]) if found else None


def number(value: Any) -> float | None:
    """A number that DECIMAL(38, 9) holds, also from text; None for anything else."""
    if type(value) not in (float, int, str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < 1e29 else None


def word(value: Any) -> str | None:
    """A text, as every database takes it."""
    if not isinstance(value, str):
        return None
    return value if value.isascii() and "\0" not in value else plain(value)


def texts(holder: Json, keys: Iterable[str]) -> Iterator[str]:
    """The texts under these keys that are not empty."""
    return filter(None, map(word, map(holder.get, keys)))


def word_at(holder: Json, keys: Iterable[str]) -> str | None:
    """The first text that is not empty under one of these keys, or in an object there that gives a reason."""
    for value in map(holder.get, keys):
        if isinstance(value, dict):
            value = next(texts(folded(value), REASONS_INSIDE), None)
        if isinstance(value, str) and value not in ("", "null"):  # Alibaba's streams spell null so.
            return word(value)
    return None


def answer_of(response: Json) -> dict[str, str | None]:
    """The columns of an answer, opened and folded. The finish reason is spelled as the provider does."""
    return {
        "response_model": word_at(response, MODELS),
        "response_id": word_at(response, IDS),
        "finish_reason": finish_reason(response),
    }


def finish_reason(response: Json) -> str | None:
    for first in (first for answers in filter(None, map(response.get, ANSWERS)) for first in first_of(answers)):
        if found := word_at(folded(first), REASONS):
            return found
    # OpenAI Responses has a status, and a reason if that is `incomplete`; Gemini may tell why it answered nothing.
    if response.get("object") in ("response", "realtime.response"):
        return word_at(response, ("incompletedetails", "statusdetails", "status"))
    return word_at(response, ("promptfeedback", *REASONS))


def parameters(request: Json) -> dict[str, Any]:
    """Column -> value of the parameters at the top of a request, then those of its holders."""
    found: dict[str, Any] = {}
    readers: Mapping[str, Callable[[Any], float | str | None]] = {"request_model": word, "max_tokens": whole_number}
    holders = [request]
    for holder in holders:
        for key, value in holder.items():
            name = fold(key)
            column = PARAMETER_KEYS.get(name)
            if column is not None and found.get(column) is None:
                found[column] = readers.get(column, number)(value)
            elif name in HOLDERS and holder is request and isinstance(value, dict):
                holders.append(value)
    return found


def provider(integration: Any, response: Json, response_id: str | None) -> str | None:
    """The provider's well-known name: by the integration, else by the answer's id, else by what only one writes."""
    if isinstance(integration, str) and fold(integration) in INTEGRATIONS:
        return INTEGRATIONS[fold(integration)]
    marks = [name for prefix, name in ID_PREFIXES.items() if (response_id or "").startswith(prefix)]
    return next(iter(marks + [name for key, name in KEYS.items() if key in response]), None)


def failure(payload: Any, response: Json | None, answer: Json, failed: bool) -> tuple[str | None, str | None]:
    """The columns `error_type` and `error_message` of a response as it was logged, opened, and folded. Raises nothing.

    The type is the gateway's reason, else the provider's kind of error, else its code if that is a text. Text and
    objects that are no known error count as one only if the row says that its call `failed`.
    """
    alone = [{"message": payload}] if failed else []
    for error in alone if response is None else errors_in(response, answer, failed):
        kinds = [kind for kind in (error.get("reason"), answer.get("reason")) if kind in GATEWAY_REASONS]
        kinds += [kind.rpartition("#")[2] for kind in texts(error, ERROR_KINDS)]  # Bedrock's may follow a namespace.
        messages = [error_message(error), *(kind for kind in kinds if kind in GATEWAY_ERRORS)]
        kinds += [message for message in messages if message in GATEWAY_ERRORS]
        found = next((kind for kind in kinds if kind not in ("", "error")), None), next(filter(None, messages), None)
        if any(found):
            return found
    return None, None


def errors_in(response: Json, whole: Json, failed: bool) -> Iterator[Json]:
    """What may be the error of a response, folded; the response itself, `whole`, comes last."""
    for error in (one.get(key) for one in (whole, *first_of(whole.get("choices"))) for key in ("error", "errors")):
        first = error[0] if isinstance(error, list) and error else error
        if isinstance(first, dict):
            yield folded(first)
        elif isinstance(first, str) and first:
            yield {"name": first, **whole} if error_message(whole) else {**whole, "message": first}
    for name in EXCEPTIONS:
        if isinstance(response.get(name), dict):
            yield {"type": name[0].upper() + name[1:], **folded(response[name])}
    # Bedrock; vLLM and OpenAI Responses; Lambda and Baidu, whose status may be 200.
    is_one = failed or "__type" in response or "error" in (whole.get("object"), whole.get("type"))
    if (is_one or whole.get("errortype") or whole.get("errorcode") not in (None, 0, "", "0")) and error_message(whole):
        yield whole


def error_message(error: Any, depth: int = 3) -> str | None:
    """The first text by which an error tells what happened, also from an object or a list in its place."""
    error = error[0] if isinstance(error, list) and error else error
    if isinstance(error, dict) and depth:
        inside = map(folded(error).get, ERROR_MESSAGES)
        return next(filter(None, (error_message(value, depth - 1) for value in inside)), None)
    return word(error) or None
