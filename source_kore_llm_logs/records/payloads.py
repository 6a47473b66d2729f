"""A payload is opened: the object that it is, or that its text, its stream or its envelope holds. One that
cannot be opened is kept whole all the same."""

from collections.abc import Iterable, Iterator
from functools import reduce
from typing import Any

from source_kore_llm_logs.records import table
from source_kore_llm_logs.records.decoding import Json, completed, loads

STREAM = ("data:", "event:", "id:", "retry:", ":")
"""How a line of a stream of server-sent events begins (WHATWG HTML, 9.2)."""
BODIES = ("body", "Body")  # Envelopes that may be text. In the others text is the answer.
ENVELOPES, CHUNKS, EXCEPTIONS = (table("providers")[name] for name in ("envelopes", "chunks", "exceptions"))
NO_ENVELOPE, NO_CHUNK = frozenset(ENVELOPES).isdisjoint, frozenset(CHUNKS + EXCEPTIONS).isdisjoint


def opened(payload: Any) -> Json | None:
    """The object that a payload holds: itself, JSON text (also encoded twice, or cut off), the chunks of a stream laid
    over each other, or the `body` of an answer over HTTP; None for anything else. Raises nothing.

    The parts of envelopes stand beside what the object has itself. Texts may still hold what `plain` mends.
    """
    if isinstance(payload, str):
        payload = parsed(payload)
    if isinstance(payload, list) and all(isinstance(chunk, str) for chunk in payload):
        payload = parsed("\n".join(payload))
    if isinstance(payload, dict):
        bodies = {key: opened(payload[key]) for key in BODIES if isinstance(payload.get(key), str)}
        return unwrapped({**payload, **bodies})
    if isinstance(payload, list):
        return laid_over(chunk for chunk in payload if isinstance(chunk, dict) and not NO_CHUNK(chunk))
    return None


def parsed(text: str) -> Any:
    """What a text of JSON holds, else what its lines do, else what is whole of it if it was cut off; else None."""
    text = text.lstrip().lstrip("\ufeff")
    if text.startswith(STREAM):
        return laid_over(events(text))
    if not text.startswith(("{", "[", '"')):
        return None
    value = _tried(text) or laid_over(events(text)) or next(filter(None, map(_tried, completed(text))), None)
    return parsed(value) if isinstance(value, str) else value  # Encoded twice, it is a text again, and shorter.


def _tried(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return None


def events(text: str) -> Iterator[Json]:
    """The objects in lines of JSON, and of a stream of server-sent events: `data: {…}` [D]. The vendor's own sample has
    lines of broken JSON; they are left out, as is `data: [DONE]`."""
    for line in text.replace("\r", "\n").split("\n"):
        line = line.removeprefix("data:").strip()
        if line.startswith("{") and (event := _tried(line)) is not None:
            yield event


def laid_over(chunks: Iterable[Json]) -> Json | None:
    """One object of the chunks of an answer, the later over the earlier; None if there are none."""
    return reduce(merged, map(unwrapped, chunks), {}) or None


def unwrapped(part: Json, depth: int = 3) -> Json:
    """The part, and beside it what its envelopes hold; what it has itself comes first."""
    if not depth or NO_ENVELOPE(part):
        return part
    held = (unwrapped(part[key], depth - 1) for key in ENVELOPES if isinstance(part.get(key), dict))
    whole: Json = merged(reduce(merged, held, {}), part)
    return whole


def merged(old: Any, new: Any, depth: int = 3) -> Any:
    """The new value over the old one: objects key by key, and so the first object of a list, which speaks for all. What
    is null, empty or zero replaces nothing: the last of OpenAI's chunks has all of the usage and no answer, Anthropic
    counts the request in its first event and the answer in a later one."""
    if depth and isinstance(old, dict) and isinstance(new, dict):
        return old | {key: merged(old[key], value, depth - 1) if key in old else value for key, value in new.items()}
    if depth and old and new and all(isinstance(value, list) and isinstance(value[0], dict) for value in (old, new)):
        return old if new[0].get("index") else [merged(old[0], new[0], 1), *new[1:]]
    return new if new or (new is not None and not old) else old
