"""What failed in a call, and why: the provider's, or the gateway's, kind of error and its words.

Shapes: OpenAI, Azure OpenAI and Anthropic (`error.type`, `error.code`), Gemini (`error.status`), Bedrock (`__type`),
vLLM (`object: error`), and the platform's own envelope (`errors: [{msg, code}]`) [I]. `unit_tests/fixtures/payloads`
names the source of each. The platform's gateway fails with "GenAI Gateway Circuit Open", status 429 and a `reason` [D:
dv2:generative-ai-tools/genai-gateway.mdx]; where in a payload these stand is not documented [U].
"""

from typing import Any, NamedTuple

from source_kore_llm_logs.records.payloads import word
from source_kore_llm_logs.records.usage import Json

GATEWAY_REASONS = frozenset(["retry_exhausted", "deadline_missed", "queue_full", "evicted"])
GATEWAY_ERRORS = frozenset(["GenAI Gateway Circuit Open", "GenAI Gateway Circuit Open Error"])


class Failure(NamedTuple):
    """The columns `error_type` and `error_message`; None where the log does not tell."""

    type: str | None = None
    message: str | None = None


NO_FAILURE = Failure()


def failure(payload: Any, response: Json | None, failed: bool) -> Failure:
    """Of a response as it was logged, and opened. `failed`: the row says that its call failed. Raises nothing.

    The kind of error is the gateway's reason, else what the provider calls `type` (Gemini: `status`), else its code.
    Text and objects that are no known error count as one only if the call failed.
    """
    if response is None:
        return Failure(None, payload) if failed and isinstance(payload, str) and payload else NO_FAILURE
    error = response.get("error") or response.get("errors")
    if isinstance(error, list):
        error = error[0] if error else None
    if isinstance(error, str):
        error = {**response, "message": error}
    elif not isinstance(error, dict):
        is_one = failed or "__type" in response or response.get("object") == "error"
        if not is_one or _message_of(response) is None:
            return NO_FAILURE
        error = response
    return Failure(_type_of(error, response), _message_of(error))


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
