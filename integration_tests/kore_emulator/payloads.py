"""What each provider takes and gives back, in its own JSON (`payloads.json`), as the platform logs it."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import orjson

SAMPLES = orjson.loads(Path(__file__).with_suffix(".json").read_bytes())
# A payload of a megabyte is a picture in base64: a model counts far fewer tokens than a quarter of its bytes.
_MOST_REQUEST_TOKENS = 2_000
Call = dict[str, Any]
"""One call as every provider sees it; a sample names its values: `$model`."""


def make_call(random: Random, model: str, created: int, payload_bytes: int) -> Call:
    """A call whose request comes to about `payload_bytes`."""
    asked = random.choice(SAMPLES["asked"])
    system = SAMPLES["system"].format(business=random.choice(SAMPLES["businesses"]))
    wanted = max(40, payload_bytes - 220 + random.randrange(-60, 60))
    system = (system * (wanted // len(system) + 1))[:wanted]
    answered = random.choice(SAMPLES["answered"])
    prompt_tokens = min((len(system) + len(asked)) // 4 + random.randrange(20), _MOST_REQUEST_TOKENS)
    response_tokens = random.randrange(8, 400)
    token = f"{random.getrandbits(128):032x}"
    # Of every third call, half of the prompt comes from a cache; of another third, a quarter is written to one. Two
    # thirds of what a reasoning model generates is not shown.
    cached, written = [(prompt_tokens // 2, 0), (0, prompt_tokens // 4), (0, 0)][int(token, 16) % 3]
    thought = response_tokens * 2 // 3
    return {
        "model": model,
        "system": system,
        "asked": asked,
        "answered": answered,
        "prompt": f"{system}\n\nUser: {asked}",
        "created": created,
        "request_tokens": prompt_tokens,
        "cached_tokens": cached,
        "cache_write_tokens": written,
        "uncached_tokens": prompt_tokens - cached - written,
        "response_tokens": response_tokens,
        "thought_tokens": thought,
        "shown_tokens": response_tokens - thought,
        "total_tokens": prompt_tokens + response_tokens,
        "token": token,
        "request_id": f"req_{token}",
        "openai_id": f"chatcmpl-{token[:29]}",
        "anthropic_id": f"msg_01{token[:22]}",
        "gemini_id": _gemini_id(created, token),
    }


def _gemini_id(created: int, token: str) -> str:
    """Base64 of the second and three numbers, seven bits a byte."""
    event = created.to_bytes(4, "little")
    for number in (int(token[:4], 16), int(token[4:12], 16), int(token[12:20], 16)):
        while number > 127:
            event += bytes([number & 127 | 128])
            number >>= 7
        event += bytes([number])
    return b64encode(event, altchars=b"-_").rstrip(b"=").decode()


def _filled(sample: Any, call: Call) -> Any:
    """A copy of a sample that has the call's own values."""
    if isinstance(sample, dict):
        return {key: _filled(value, call) for key, value in sample.items()}
    if isinstance(sample, list):
        return [_filled(value, call) for value in sample]
    is_name = isinstance(sample, str) and sample.startswith("$")
    return call[sample[1:]] if is_name else sample


def _streamed(request: dict[str, Any], response: dict[str, Any]) -> tuple[Any, Any]:
    """The same call with its answer as the text of a stream, as the vendor documents it: usage in the last chunk."""
    request = {**request, "stream": True, "stream_options": {"include_usage": True}}
    whole = {**response, "object": "chat.completion.chunk"}
    usage, (choice,) = whole.pop("usage"), whole.pop("choices")
    message = choice.pop("message")
    choices = [{**choice, "delta": message, "finish_reason": None}], [{**choice, "delta": {}}]
    chunks = [*({**whole, "choices": one, "usage": None} for one in choices), {**whole, "choices": [], "usage": usage}]
    lines = [b"data: " + orjson.dumps(chunk) for chunk in chunks] + [b"data: [DONE]"]
    return request, b"\n\n".join(lines).decode() + "\n"


def _guardrail(random: Random, call: Call) -> tuple[Any, Any]:
    """A scan of what a user wrote or a model answered; no model, so no tokens."""
    scanner = random.choice(("anonymize", "ban_topics", "toxicity", "prompt_injection", "regex"))
    valid = random.random() < 0.93
    request = {
        "scanner": scanner,
        "query": call["asked"],
        "req_type": random.choice(("request", "response")),
        "output": "" if valid else call["answered"],
    }
    response = {
        "sanitized_output": call["asked"],
        "is_valid": valid,
        "scanners": {scanner: 0.0 if valid else round(random.uniform(0.6, 1), 2)},
        "meta": {"elapsed": round(random.uniform(0.01, 0.4), 3)},
    }
    return request, response


@dataclass(frozen=True)
class Model:
    """A model as the log names it, how its payloads look, and how fast it answers."""

    name: str
    integration: str
    api_name: str
    shape: str
    median_ms: int
    counts_tokens: bool
    weight: int

    def exchange(self, random: Random, call: Call) -> tuple[Any, Any]:
        """The two payloads of a call. One call in seven is answered as a stream, and logged as its text."""
        if self.shape == "guardrail":
            return _guardrail(random, call)
        made = _filled(SAMPLES["shapes"][self.shape], call)
        request, response = made["request"], made["response"]
        if self.shape in ("openai", "openai_reasoning", "azure"):
            (choice,) = response["choices"]
            if random.random() < 0.08:
                collect = {"name": "collect", "arguments": '{"size": "large", "count": 2}'}
                choice["message"].update(content=None, function_call=collect)
                choice["finish_reason"] = "function_call"
            if int(call["token"], 16) % 7 == 0 and self.shape != "openai_reasoning":
                return _streamed(request, response)
        if self.shape == "gemini" and not call["cached_tokens"]:
            del response["usageMetadata"]["cachedContentTokenCount"]
        if self.shape == "bedrock":
            response["metrics"]["latencyMs"] = random.randrange(300, 6000)
        return request, response


MODELS = tuple(Model(**model) for model in SAMPLES["models"])
GUARDRAIL_MODEL = Model("Guardrails", "Kore.ai", "guardrails", "guardrail", 120, False, 0)
_GATEWAY_REASONS = ("retry_exhausted", "deadline_missed", "queue_full", "evicted")


def error_payload(model: Model, status: int, call: Call) -> Any:
    """What a provider answers instead, when a call fails, or the platform's own gateway, when its circuit is open."""
    number = int(call["token"], 16)
    if status == 429 and number % 2:
        reason = _GATEWAY_REASONS[number // 2 % 4]
        return {"error": {"message": "GenAI Gateway Circuit Open", "code": 429, "reason": reason}}
    errors = SAMPLES["errors"]
    return _filled(errors.get(model.integration, errors["others"])[str(status)], call)
