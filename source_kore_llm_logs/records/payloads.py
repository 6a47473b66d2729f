"""Decodes a logged payload into one object, whether it was logged as an object, text, a stream, or in an envelope."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import reduce
from typing import Any

import orjson

from source_kore_llm_logs.records import table
from source_kore_llm_logs.records.decoding import Json, close_truncated, loads_leniently

STREAM = ("data:", "event:", "id:", "retry:", ":")
"""Prefixes of lines in a stream of server-sent events (WHATWG HTML, 9.2)."""
BODIES = ("body", "Body")  # Envelopes whose content may be JSON text. Text in any other is the answer itself.
ENVELOPES, CHUNKS, EXCEPTIONS = (table("providers")[name] for name in ("envelopes", "chunks", "exceptions"))
HAS_NO_ENVELOPE, IS_NO_CHUNK = frozenset(ENVELOPES).isdisjoint, frozenset(CHUNKS + EXCEPTIONS).isdisjoint


def decode_payload(payload: Any) -> Json | None:
    """The object in a payload: itself, JSON text (even encoded twice, or cut off), the merged chunks of a stream, or
    the `body` of an HTTP response. The content of envelopes is merged into it. None for anything else. Its texts are
    not sanitized. Never raises."""
    if isinstance(payload, str):
        payload = parse_text(payload)
    if isinstance(payload, list) and all(isinstance(chunk, str) for chunk in payload):
        payload = parse_text("\n".join(payload))
    if isinstance(payload, dict):
        bodies = {key: decode_payload(payload[key]) for key in BODIES if isinstance(payload.get(key), str)}
        return unwrap({**payload, **bodies})
    if isinstance(payload, list):
        return merge_chunks(chunk for chunk in payload if isinstance(chunk, dict) and not IS_NO_CHUNK(chunk))
    return None


def parse_text(text: str) -> Any:
    """The content of JSON text, of lines of JSON, or of JSON that was cut off, up to there. None for anything else."""
    text = text.lstrip().lstrip("\ufeff")
    if text.startswith(STREAM):
        return merge_chunks(parse_events(text))
    if not text.startswith(("{", "[", '"')):
        return None
    value = _loads(text) or merge_chunks(parse_events(text))
    value = value or next(filter(None, map(_loads, close_truncated(text))), None)
    return parse_text(value) if isinstance(value, str) else value  # A string: it was encoded twice.


def _loads(text: str) -> Any:
    for loads in (orjson.loads, loads_leniently):
        with suppress(ValueError):
            return loads(text)
    return None


def parse_events(text: str) -> Iterator[Json]:
    """The objects in lines of JSON, or of a stream of server-sent events: `data: {…}` [D]. Skips other lines: the
    vendor's own sample has broken JSON in some, and `data: [DONE]`."""
    for line in text.replace("\r", "\n").split("\n"):
        line = line.removeprefix("data:").strip()
        if line.startswith("{") and (event := _loads(line)) is not None:
            yield event


def merge_chunks(chunks: Iterable[Json]) -> Json | None:
    """One object from the chunks of an answer; later chunks take precedence. None without chunks."""
    return reduce(merge, map(unwrap, chunks), {}) or None


def unwrap(part: Json, depth: int = 3) -> Json:
    """Merges the content of envelopes into the object that has them. The object's own keys take precedence."""
    if not depth or HAS_NO_ENVELOPE(part):
        return part
    held = (unwrap(part[key], depth - 1) for key in ENVELOPES if isinstance(part.get(key), dict))
    whole: Json = merge(reduce(merge, held, {}), part)
    return whole


def merge(old: Any, new: Any, depth: int = 3) -> Any:
    """Merges objects key by key, and the first objects of lists; else returns the new value. A value that is null,
    empty or zero replaces nothing: OpenAI's last chunk has the whole usage and no answer, and Anthropic counts the
    request in the first event and the answer in a later one."""
    if depth and isinstance(old, dict) and isinstance(new, dict):
        return old | {key: merge(old[key], value, depth - 1) if key in old else value for key, value in new.items()}
    if depth and old and new and all(isinstance(value, list) and isinstance(value[0], dict) for value in (old, new)):
        return old if new[0].get("index") else [merge(old[0], new[0], 1), *new[1:]]
    return new if new or (new is not None and not old) else old
