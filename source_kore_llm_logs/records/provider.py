"""Which provider served a call, in OpenTelemetry's words.

The words are the well-known values of `gen_ai.provider.name` (OpenTelemetry semantic conventions for generative AI),
so that the log can be laid beside traces. What the row says itself comes first: the names of the platform's own
integrations [D: dv2:generative-ai-tools/llm-integration.mdx]. A custom integration has a name of the user's own; then a
payload decides that only one provider writes. OpenAI's shape decides nothing: many servers imitate it.
"""

from collections.abc import Mapping
from typing import Any

from source_kore_llm_logs.records.identity import fold
from source_kore_llm_logs.records.payloads import response_id
from source_kore_llm_logs.records.usage import Json, inner

INTEGRATIONS: Mapping[str, str] = {
    "openai": "openai",
    "azureopenai": "azure.ai.openai",
    "anthropic": "anthropic",
    "googlegemini": "gcp.gemini",
    "amazonbedrock": "aws.bedrock",
    # Shorter and fuller names of the same, and the other well-known providers, as users may call an integration.
    "azure": "azure.ai.openai",
    "gemini": "gcp.gemini",
    "google": "gcp.gen_ai",
    "bedrock": "aws.bedrock",
    "awsbedrock": "aws.bedrock",
    "vertexai": "gcp.vertex_ai",
    "googlevertexai": "gcp.vertex_ai",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "groq": "groq",
    "ibmwatsonx": "ibm.watsonx.ai",
    "watsonx": "ibm.watsonx.ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "perplexity": "perplexity",
    "xai": "x_ai",
}
"""The name of an integration, folded as a key is, and the provider."""

ID_PREFIXES = (
    ("msg_bdrk_", "aws.bedrock"),
    ("compl_bdrk_", "aws.bedrock"),
    ("msg_vrtx_", "gcp.vertex_ai"),
    ("msg_01", "anthropic"),
    ("compl_01", "anthropic"),
)
"""How ids of Anthropic's models begin, on each cloud."""

KEYS = (
    ("prompt_filter_results", "azure.ai.openai"),
    ("usageMetadata", "gcp.gen_ai"),
    ("promptFeedback", "gcp.gen_ai"),
    ("inputTextTokenCount", "aws.bedrock"),  # Titan
    ("prompt_token_count", "aws.bedrock"),  # Llama
)
"""A key that only one provider's responses have. Gemini answers alike on both of Google's endpoints."""


def provider(integration: Any, response: Json | None) -> str | None:
    """The provider's well-known name; None where neither the integration nor the response tells. Raises nothing."""
    if isinstance(integration, str):
        known = INTEGRATIONS.get(fold(integration))
        if known is not None:
            return known
    if response is None:
        return None
    identity = response_id(response) or ""
    for prefix, name in ID_PREFIXES:
        if identity.startswith(prefix):
            return name
    for key, name in KEYS:
        if key in response:
            return name
    return None if inner(response.get("usage"), "inputTokens") is None else "aws.bedrock"  # Converse, Nova
