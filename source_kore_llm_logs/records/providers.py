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
REASONS, MODELS, IDS = TABLE["reasons"], TABLE["models"], TABLE["ids"]
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
    request, answered = requests[0], responses[0]
    if None not in (request, answered):
        fitting = [(one, other) for one in requests for other in responses if one + other == total]
        request, answered = (fitting or [(request, answered)])[0]
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
    if not cache:
        return [request]
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
    """What is counted -> its count. The first object that has one tells it, until input and output are told."""
    counts: dict[str, Count] = {}
    for place, usage in enumerate(usages_of(response)):
        for path, value in leaves(usage):
            found = value if type(value) is int else whole_number(value)
            if found is not None and 0 <= found < 10**9:  # What is beyond may be a text that is written as a number.
                what, rank = PATHS[path]
                one = (not found, place, rank, found, path)
                counts[what] = min(one, counts.get(what, one))
        if "input" in counts and "output" in counts:
            break
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
    """The first object of a list of objects; nothing of anything else."""
    return objects[:1] if isinstance(objects, list) and objects and isinstance(objects[0], dict) else []


def leaves(usage: Json) -> Iterator[tuple[str, Any]]:
    """Path -> value of what may be a count, in a usage and in the objects in it."""
    for key, value in usage.items():
        name = fold(key)
        if isinstance(value, dict):
            prefix = "details." if name.endswith("details") else f"{name}."
            for key, inner in value.items():
                if (path := prefix + fold(key)) in PATHS:
                    yield path, inner
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
            value = next(texts(folded(value), ("reason", "type", "blockreason")), None)
        if isinstance(value, str) and value:
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
    for answers in filter(None, map(response.get, ANSWERS)):
        for first in first_of(answers):
            if found := word_at(folded(first), REASONS):
                return found
    # OpenAI Responses has a status, and a reason if that is `incomplete`; Gemini may tell why it answered nothing.
    is_responses = response.get("object") in ("response", "realtime.response")
    return word_at(response, ("incompletedetails", "status") if is_responses else ("promptfeedback", *REASONS))


READERS: Mapping[str, Callable[[Any], float | str | None]] = {"request_model": word, "max_tokens": whole_number}


def parameters(request: Json) -> dict[str, Any]:
    """Column -> value of the parameters at the top of a request, then those of its holders."""
    found: dict[str, Any] = {}
    holders = [request]
    for holder in holders:
        for key, value in holder.items():
            name = fold(key)
            column = PARAMETER_KEYS.get(name)
            if column is not None and found.get(column) is None:
                found[column] = READERS.get(column, number)(value)
            elif name in HOLDERS and holder is request and isinstance(value, dict):
                holders.append(value)
    return found


def provider(integration: Any, response: Json, response_id: str | None) -> str | None:
    """The provider's well-known name: by the integration, else by the answer's id, else by what only one writes."""
    if isinstance(integration, str) and fold(integration) in INTEGRATIONS:
        return INTEGRATIONS[fold(integration)]
    marks = [name for prefix, name in ID_PREFIXES.items() if (response_id or "").startswith(prefix)]
    return next(iter(marks + [name for key, name in KEYS.items() if key in response]), None)


def failure(payload: Any, response: Json | None, failed: bool) -> tuple[str | None, str | None]:
    """The columns `error_type` and `error_message` of a response as it was logged, and opened. Raises nothing.

    The type is the gateway's reason, else the provider's `type` (Gemini: `status`, Bedrock: `__type`), else its code.
    Text and objects that are no known error count as one only if the row says that its call `failed`.
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
        if not is_one or error_message(response) is None:
            return None, None
        error = response
    reasons = [reason for reason in (error.get("reason"), response.get("reason")) if reason in GATEWAY_REASONS]
    return next(iter(reasons), None) or error_type(error), error_message(error)


def error_type(error: Json) -> str | None:
    for key in ("__type", "type", "status", "code", "name"):
        # Bedrock's may have its namespace before it: `com.amazon.coral.service#ThrottlingException`.
        kind = next(texts(error, [key]), "").rpartition("#")[2]
        if kind and not (key == "type" and kind == "error"):
            return kind
    message = error_message(error)
    return message if message in GATEWAY_ERRORS else None


def error_message(error: Json) -> str | None:
    kind = error["type"] if error.get("type") in GATEWAY_ERRORS else None
    return next(texts(error, ("message", "msg", "detail", "Message")), kind)
