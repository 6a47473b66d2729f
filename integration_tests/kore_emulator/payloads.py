"""What each provider takes and gives back, in its own JSON (`payloads.json`), as the platform logs it."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import orjson

SAMPLES = orjson.loads(Path(__file__).with_suffix(".json").read_bytes())


@dataclass(frozen=True)
class Call:
    """One call as every provider sees it; a sample names its attributes: `$model`."""

    model: str
    system: str
    asked: str
    answered: str
    created: int
    request_tokens: int
    response_tokens: int
    token: str

    @property
    def cached_tokens(self) -> int:
        """Of every third call, half of the prompt comes from a cache."""
        return self.request_tokens // 2 if int(self.token, 16) % 3 == 0 else 0

    @property
    def cache_write_tokens(self) -> int:
        """Of another third, a quarter of the prompt is written to a cache."""
        return self.request_tokens // 4 if int(self.token, 16) % 3 == 1 else 0

    @property
    def uncached_tokens(self) -> int:
        return self.request_tokens - self.cached_tokens - self.cache_write_tokens

    @property
    def thought_tokens(self) -> int:
        """Two thirds of what a reasoning model generates is not shown."""
        return self.response_tokens * 2 // 3

    @property
    def shown_tokens(self) -> int:
        return self.response_tokens - self.thought_tokens

    @property
    def total_tokens(self) -> int:
        return self.request_tokens + self.response_tokens

    @property
    def is_streamed(self) -> bool:
        """One call in seven is answered as a stream, and logged as its text."""
        return int(self.token, 16) % 7 == 0

    @property
    def prompt(self) -> str:
        return f"{self.system}\n\nUser: {self.asked}"

    @property
    def openai_id(self) -> str:
        return f"chatcmpl-{self.token[:29]}"

    @property
    def anthropic_id(self) -> str:
        return f"msg_01{self.token[:22]}"

    @property
    def gemini_id(self) -> str:
        """Base64 of the second and three numbers, seven bits a byte."""
        event = self.created.to_bytes(4, "little")
        for number in (int(self.token[:4], 16), int(self.token[4:12], 16), int(self.token[12:20], 16)):
            while number > 127:
                event += bytes([number & 127 | 128])
                number >>= 7
            event += bytes([number])
        return b64encode(event, altchars=b"-_").rstrip(b"=").decode()


@dataclass(frozen=True)
class Exchange:
    """The two payloads of a call; `identified` if the response carries an id of its own."""

    request: Any
    response: Any
    identified: bool = True


def make_call(random: Random, model: str, created: int, payload_bytes: int) -> Call:
    """A call whose request comes to about `payload_bytes`."""
    asked = random.choice(SAMPLES["asked"])
    system = SAMPLES["system"].format(business=random.choice(SAMPLES["businesses"]))
    wanted = max(40, payload_bytes - 220 + random.randrange(-60, 60))
    system = (system * (wanted // len(system) + 1))[:wanted]
    return Call(
        model,
        system,
        asked,
        random.choice(SAMPLES["answered"]),
        created,
        request_tokens=(len(system) + len(asked)) // 4 + random.randrange(20),
        response_tokens=random.randrange(8, 400),
        token=f"{random.getrandbits(128):032x}",
    )


def _filled(sample: Any, call: Call) -> Any:
    """A copy of a sample that has the call's own values."""
    if isinstance(sample, dict):
        return {key: _filled(value, call) for key, value in sample.items()}
    if isinstance(sample, list):
        return [_filled(value, call) for value in sample]
    is_name = isinstance(sample, str) and sample.startswith("$")
    return getattr(call, sample[1:]) if is_name else sample


def _streamed(exchange: Exchange) -> Exchange:
    """The same call with its answer as the text of a stream, as the vendor documents it: usage in the last chunk."""
    request = {**exchange.request, "stream": True, "stream_options": {"include_usage": True}}
    whole = {**exchange.response, "object": "chat.completion.chunk"}
    usage, (choice,) = whole.pop("usage"), whole.pop("choices")
    message = choice.pop("message")
    choices: list[list[dict[str, Any]]] = [
        [{**choice, "delta": message, "finish_reason": None}],
        [{**choice, "delta": {}}],
    ]
    chunks = [*({**whole, "choices": one, "usage": None} for one in choices), {**whole, "choices": [], "usage": usage}]
    lines = [b"data: " + orjson.dumps(chunk) for chunk in chunks] + [b"data: [DONE]"]
    return Exchange(request, b"\n\n".join(lines).decode() + "\n")


def _guardrail(random: Random, call: Call) -> Exchange:
    """A scan of what a user wrote or a model answered; no model, so no tokens."""
    scanner = random.choice(("anonymize", "ban_topics", "toxicity", "prompt_injection", "regex"))
    valid = random.random() < 0.93
    request = {
        "scanner": scanner,
        "query": call.asked,
        "req_type": random.choice(("request", "response")),
        "output": "" if valid else call.answered,
    }
    response = {
        "sanitized_output": call.asked,
        "is_valid": valid,
        "scanners": {scanner: 0.0 if valid else round(random.uniform(0.6, 1), 2)},
        "meta": {"elapsed": round(random.uniform(0.01, 0.4), 3)},
    }
    return Exchange(request, response, identified=False)


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

    def exchange(self, random: Random, call: Call) -> Exchange:
        if self.shape == "guardrail":
            return _guardrail(random, call)
        made = Exchange(**_filled(SAMPLES["shapes"][self.shape], call))
        if self.shape in ("openai", "openai_reasoning", "azure"):
            (choice,) = made.response["choices"]
            if random.random() < 0.08:
                collect = {"name": "collect", "arguments": '{"size": "large", "count": 2}'}
                choice["message"].update(content=None, function_call=collect)
                choice["finish_reason"] = "function_call"
            if call.is_streamed and self.shape != "openai_reasoning":
                return _streamed(made)
        if self.shape == "gemini" and not call.cached_tokens:
            del made.response["usageMetadata"]["cachedContentTokenCount"]
        if self.shape == "bedrock":
            made.response["metrics"]["latencyMs"] = random.randrange(300, 6000)
        return made


MODELS = tuple(Model(**model) for model in SAMPLES["models"])
GUARDRAIL_MODEL = Model("Guardrails", "Kore.ai", "guardrails", "guardrail", 120, False, 0)


_GATEWAY_REASONS = ("retry_exhausted", "deadline_missed", "queue_full", "evicted")


def error_payload(random: Random, model: Model, status: int, token: str) -> dict[str, Any]:
    """What a provider answers instead, when a call fails, or the platform's own gateway, when its circuit is open."""
    if status == 429 and int(token, 16) % 2:
        reason = _GATEWAY_REASONS[int(token, 16) // 2 % 4]
        return {"error": {"message": "GenAI Gateway Circuit Open", "code": 429, "reason": reason}}
    kind, message = {
        401: ("authentication_error", "Incorrect API key provided."),
        429: ("rate_limit_exceeded", "Rate limit reached. Please try again in 6s."),
    }.get(status, ("server_error", "The server had an error while processing your request."))
    if model.integration == "Anthropic":
        kind = {429: "rate_limit_error", 500: "api_error"}.get(status, kind)
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": f"req_{token}"}
    if model.integration == "Google Gemini":
        reason = {401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED"}.get(status, "INTERNAL")
        return {"error": {"code": status, "message": message, "status": reason}}
    if model.integration == "Amazon Bedrock":
        reason = {401: "AccessDeniedException", 429: "ThrottlingException"}.get(status, "InternalServerException")
        return {"__type": reason, "message": message}
    return {"error": {"message": message, "type": kind, "param": None, "code": status}, "request_id": token}
