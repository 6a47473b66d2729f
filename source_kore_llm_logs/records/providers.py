"""Extracts token counts, model, parameters and errors from the payloads of any provider. `providers.yaml` lists the
keys. Unknown formats give nulls."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from source_kore_llm_logs.records import table
from source_kore_llm_logs.records.decoding import Json, fits_64_bits, sanitize
from source_kore_llm_logs.records.identity import fold, folded

TABLE: Mapping[str, Any] = table("providers")
INTEGRATIONS: Mapping[str, str] = TABLE["integrations"]
ID_PREFIXES, KEYS = TABLE["id_prefixes"], TABLE["keys"]
USAGES, HOLDERS, ANSWERS = TABLE["usages"], TABLE["holders"], TABLE["answers"]
REASONS, REASONS_INSIDE, MODELS, IDS = TABLE["reasons"], TABLE["reasons_inside"], TABLE["models"], TABLE["ids"]
ERROR_KINDS, ERROR_MESSAGES, EXCEPTIONS = TABLE["error_kinds"], TABLE["error_messages"], TABLE["exceptions"]
GATEWAY_REASONS, GATEWAY_ERRORS = TABLE["gateway_reasons"], TABLE["gateway_errors"]
PATHS = {path.lstrip("+"): (what, rank) for what, paths in TABLE["tokens"].items() for rank, path in enumerate(paths)}
ADDITIONAL = frozenset(path[1:] for paths in TABLE["tokens"].values() for path in paths if path[0] == "+")
COUNTS = frozenset(path.rpartition(".")[2] for path in PATHS)
PARAMETER_KEYS = {key: column for column, keys in TABLE["parameters"].items() for key in keys}


class Count(NamedTuple):
    """A token count in a response. Of several counts of one kind, the least is used."""

    is_zero: bool
    usage: int  # The place among `usages_of` of the object that has it.
    rank: int  # The place of its path in `providers.yaml`.
    value: int
    path: str


def usage_of(response: Json) -> dict[str, int | None]:
    """The token columns from a decoded and folded response. Providers differ in whether the input includes cached
    tokens, and the output includes reasoning. The candidates that add up to the total are used, else the likeliest.
    What the total has beyond both was generated."""
    found = counts_of(response)
    counts = {what: count.value for what, count in found.items()}
    cached, written, total = counts.get("cached"), counts.get("written"), counts.get("total")
    written = written or counts.get("written 5m", 0) + counts.get("written 1h", 0) or written
    requests, responses = request_candidates(found, (cached or 0) + (written or 0)), response_candidates(found)
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


def request_candidates(found: Mapping[str, Count], cache: int) -> list[Any]:
    """What the whole request may have, the likeliest first."""
    if "input" not in found:
        return [None]
    request = found["input"].value + (found["tools"].value if "tools" in found else 0)
    caches = {count.path for what, count in found.items() if count.value and what.startswith(("cached", "written"))}
    is_additional = found["input"].path != "prompttokens" and caches <= ADDITIONAL
    return [request + cache] if is_additional or cache > request else [request, request + cache]


def response_candidates(found: Mapping[str, Count]) -> list[Any]:
    """What the whole response may have, the likeliest first."""
    output, reasoning = found.get("output"), found.get("reasoning")
    if output is None:
        return [reasoning and reasoning.value]
    if reasoning is None or reasoning.is_zero:
        return [output.value]
    both = [output.value, output.value + reasoning.value]
    return both[1:] if reasoning.value > output.value else both[::-1] if reasoning.path in ADDITIONAL else both


def counts_of(response: Json) -> dict[str, Count]:
    """Kind of tokens -> its count. Once an object has input and output, later objects only add other kinds."""
    counts: dict[str, Count] = {}
    for place, usage in enumerate(usages_of(response)):
        settled = frozenset(counts if "input" in counts and "output" in counts else ())
        for path, value in leaves(usage):
            found = value if type(value) is int else whole_number(value)
            what, rank = PATHS[path]
            # A larger number may encode text.
            if found is not None and 0 <= found < 10**9 and what not in settled:
                count = Count(not found, place, rank, found, path)
                counts[what] = min(count, counts.get(what, count))
    return counts


def usages_of(response: Json) -> Iterator[Json]:
    for usage in map(response.get, USAGES):
        if isinstance(usage, dict):
            yield usage
            inner = folded(usage)  # Cohere nests these two in a usage.
            yield from (inner[name] for name in ("tokens", "billedunits") if isinstance(inner.get(name), dict))
    yield response
    yield from first_of(response.get("results"))


def first_of(objects: Any) -> list[Json]:
    """The first object of a list, or of its first list, in a list of one. Empty for anything else."""
    while isinstance(objects, list) and objects and not isinstance(objects[0], dict):
        objects = objects[0]
    return objects[:1] if isinstance(objects, list) else []


def leaves(usage: Json) -> Iterator[tuple[str, Any]]:
    """Pairs of path and value for known paths, in a usage and in the objects in it."""
    for key, value in usage.items():
        name = fold(key)
        if isinstance(value, dict):
            prefix = "details." if name.endswith("details") else f"{name}."
            yield from ((path, inner) for key, inner in value.items() if (path := prefix + fold(key)) in PATHS)
        elif name in PATHS:
            yield name, value


def whole_number(value: Any) -> int | None:
    """A 64-bit integer, also from a float or text; None for anything else."""
    if type(value) is int:
        return value if fits_64_bits(value) else None
    if isinstance(value, float):
        return whole_number(int(value)) if value.is_integer() else None
    found = re.fullmatch(r"(-?[0-9]{1,18})(\.0+)?", value.strip()) if isinstance(value, str) else None
    return int(found[1]) if found else None


def number(value: Any) -> float | None:
    """A number that fits DECIMAL(38, 9), also from text; None for anything else."""
    if type(value) not in (float, int, str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < 1e29 else None


def clean_text(value: Any) -> str | None:
    """A text, sanitized; None for anything else."""
    if not isinstance(value, str):
        return None
    return value if value.isascii() and "\0" not in value else sanitize(value)


def clean_texts(holder: Json, keys: Iterable[str]) -> Iterator[str]:
    """The non-empty texts under these keys, sanitized."""
    return filter(None, map(clean_text, map(holder.get, keys)))


def first_text(holder: Json, keys: Iterable[str]) -> str | None:
    """The first non-empty text under one of these keys, or in an object there under `REASONS_INSIDE`."""
    for value in map(holder.get, keys):
        if isinstance(value, dict):
            value = next(clean_texts(folded(value), REASONS_INSIDE), None)
        if isinstance(value, str) and value not in ("", "null"):  # Alibaba's streams write null as text.
            return clean_text(value)
    return None


def answer_of(response: Json) -> dict[str, str | None]:
    """The columns from a decoded and folded response. The finish reason stays in the provider's spelling."""
    return {
        "response_model": first_text(response, MODELS),
        "response_id": first_text(response, IDS),
        "finish_reason": finish_reason(response),
    }


def finish_reason(response: Json) -> str | None:
    for first in (first for answers in filter(None, map(response.get, ANSWERS)) for first in first_of(answers)):
        if found := first_text(folded(first), REASONS):
            return found
    # OpenAI Responses has a status, and details if that is `incomplete`. Gemini may say why there is no answer.
    if response.get("object") in ("response", "realtime.response"):
        return first_text(response, ("incompletedetails", "statusdetails", "status"))
    return first_text(response, ("promptfeedback", *REASONS))


def parameters(request: Json) -> dict[str, Any]:
    """Column -> value of the parameters in a request: at its top, else in one of `HOLDERS`."""
    found: dict[str, Any] = {}
    readers: dict[str, Callable[[Any], float | str | None]] = {"request_model": clean_text, "max_tokens": whole_number}
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
    """OpenTelemetry's name of the provider: by the integration, else the response id, else a key that only one uses."""
    if isinstance(integration, str) and fold(integration) in INTEGRATIONS:
        return INTEGRATIONS[fold(integration)]
    marks = [name for prefix, name in ID_PREFIXES.items() if (response_id or "").startswith(prefix)]
    return next(iter(marks + [name for key, name in KEYS.items() if key in response]), None)


def failure(payload: Any, response: Json | None, answer: Json, failed: bool) -> tuple[str | None, str | None]:
    """The columns `error_type` and `error_message`, from a response as logged, decoded, and folded. The type is the
    gateway's reason, else the provider's kind of error, else its code if that is a text. If the call `failed`, other
    text and objects count as an error, too. Never raises."""
    alone = [{"message": payload}] if failed else []
    for error in alone if response is None else errors_in(response, answer, failed):
        kinds = [kind for kind in (error.get("reason"), answer.get("reason")) if kind in GATEWAY_REASONS]
        kinds += [
            kind.rpartition("#")[2] for kind in clean_texts(error, ERROR_KINDS)
        ]  # Bedrock's may have a namespace.
        messages = [error_message(error), *(kind for kind in kinds if kind in GATEWAY_ERRORS)]
        kinds += [message for message in messages if message in GATEWAY_ERRORS]
        found = next((kind for kind in kinds if kind not in ("", "error")), None), next(filter(None, messages), None)
        if any(found):
            return found
    return None, None


def errors_in(response: Json, whole: Json, failed: bool) -> Iterator[Json]:
    """The possible errors of a response, folded. The response itself, `whole`, comes last."""
    for error in (one.get(key) for one in (whole, *first_of(whole.get("choices"))) for key in ("error", "errors")):
        first = error[0] if isinstance(error, list) and error else error
        if isinstance(first, dict):
            yield folded(first)
        elif isinstance(first, str) and first:
            yield {"name": first, **whole} if error_message(whole) else {**whole, "message": first}
    for name in EXCEPTIONS:
        if isinstance(response.get(name), dict):
            yield {"type": name[0].upper() + name[1:], **folded(response[name])}
    # In this order: Bedrock; vLLM and OpenAI Responses; Lambda and Baidu, whose status may be 200.
    is_one = failed or "__type" in response or "error" in (whole.get("object"), whole.get("type"))
    if (is_one or whole.get("errortype") or whole.get("errorcode") not in (None, 0, "", "0")) and error_message(whole):
        yield whole


def error_message(error: Any, depth: int = 3) -> str | None:
    """The first message of an error, which may be text, an object or a list."""
    error = error[0] if isinstance(error, list) and error else error
    if isinstance(error, dict) and depth:
        inside = map(folded(error).get, ERROR_MESSAGES)
        return next(filter(None, (error_message(value, depth - 1) for value in inside)), None)
    return clean_text(error) or None
