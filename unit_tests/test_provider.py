"""The provider of a call in OpenTelemetry's words: by the integration, else by a shape that only one provider has."""

import json
from pathlib import Path

import pytest

from source_kore_llm_logs.records.identity import folded
from source_kore_llm_logs.records.payloads import opened
from source_kore_llm_logs.records.providers import ID_PREFIXES, INTEGRATIONS, KEYS, answer_of, provider

SHAPES = Path(__file__).parent / "fixtures" / "payloads"
WELL_KNOWN = frozenset(
    ["openai", "gcp.gen_ai", "gcp.vertex_ai", "gcp.gemini", "anthropic", "cohere", "azure.ai.inference",
     "azure.ai.openai", "ibm.watsonx.ai", "aws.bedrock", "perplexity", "x_ai", "deepseek", "groq", "mistral_ai",
     "moonshot_ai"]
)  # fmt: skip
"""The well-known values of `gen_ai.provider.name`."""


def test_every_name_is_one_of_opentelemetrys() -> None:
    assert {*INTEGRATIONS.values(), *dict(ID_PREFIXES).values(), *dict(KEYS).values()} <= WELL_KNOWN


@pytest.mark.parametrize(
    ("integration", "name"),
    [
        ("OpenAI", "openai"),
        ("Azure OpenAI", "azure.ai.openai"),
        ("Anthropic", "anthropic"),
        ("Google Gemini", "gcp.gemini"),
        ("Amazon Bedrock", "aws.bedrock"),
        ("azureOpenAI", "azure.ai.openai"),
        ("amazon_bedrock", "aws.bedrock"),
        ("Kore.ai XO GPT", None),
        ("My OpenAI proxy", None),
        ("", None),
        (None, None),
    ],
)
def test_an_integration_is_known_by_its_name_in_any_spelling(integration: str | None, name: str | None) -> None:
    assert provider(integration, None, None) == name


def test_the_integration_decides_before_the_shape() -> None:
    assert provider("Azure OpenAI", {"usageMetadata": {}}, "msg_01") == "azure.ai.openai"


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        ("anthropic_messages", "anthropic"),
        ("anthropic_sse", "anthropic"),
        ("bedrock_invoke_claude", "aws.bedrock"),
        ("bedrock_converse", "aws.bedrock"),
        ("bedrock_nova", "aws.bedrock"),
        ("bedrock_titan", "aws.bedrock"),
        ("bedrock_llama", "aws.bedrock"),
        ("gemini_generate", "gcp.gen_ai"),
        ("gemini_stream", "gcp.gen_ai"),
        ("azure_openai_chat", "azure.ai.openai"),
        ("openai_chat_tools", None),
        ("openai_sse", None),
        ("custom_openai_text", None),
        ("custom_unknown", None),
        ("guardrail_input", None),
    ],
)
def test_without_a_known_integration_a_shape_tells_that_only_one_provider_has(shape: str, name: str | None) -> None:
    response = json.loads((SHAPES / f"{shape}.json").read_text())["response"]
    for payload in (response, response if isinstance(response, str) else json.dumps(response)):
        response = opened(payload)
        assert provider("my-company-llm", response, answer_of(folded(response or {}))["response_id"]) == name
