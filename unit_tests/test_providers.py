"""What payloads say of a call means the same for every provider: its tokens, its answer, its failure, who served it."""

import json
from pathlib import Path
from typing import Any

import pytest

from source_kore_llm_logs.records.identity import folded
from source_kore_llm_logs.records.payloads import opened
from source_kore_llm_logs.records.providers import (
    GATEWAY_REASONS,
    ID_PREFIXES,
    INTEGRATIONS,
    KEYS,
    answer_of,
    provider,
)
from source_kore_llm_logs.records.record import to_record
from source_kore_llm_logs.records.redaction import ERRORS

COLUMNS = (
    "request_tokens", "response_tokens", "total_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens",
)  # fmt: skip


def tokens_of(response: Any, **log: Any) -> tuple[int | None, ...]:
    record = to_record("st-1", {"Payload Details": {"Response Payload": response, **log}})
    return tuple(record[column] for column in COLUMNS)


def usage(**counts: Any) -> dict[str, Any]:
    return {"usage": counts}


def sse(*events: dict[str, Any]) -> str:
    return "".join(f"event: {event.get('type', 'message')}\ndata: {json.dumps(event)}\n\n" for event in events)


# What each provider's own reference shows -> request, response, total, cached, written, reasoning
CASES: dict[str, tuple[Any, tuple[int | None, ...]]] = {
    "OpenAI chat": (
        usage(prompt_tokens=2006, completion_tokens=300, total_tokens=2306,
              prompt_tokens_details={"cached_tokens": 1920, "audio_tokens": 0},
              completion_tokens_details={"reasoning_tokens": 192, "accepted_prediction_tokens": 0}),
        (2006, 300, 2306, 1920, None, 192),
    ),
    "OpenAI Responses": (
        usage(input_tokens=328, input_tokens_details={"cached_tokens": 256}, output_tokens=52,
              output_tokens_details={"reasoning_tokens": 40}, total_tokens=380),
        (328, 52, 380, 256, None, 40),
    ),
    "OpenAI Responses, streamed": (
        sse({"type": "response.created", "response": {"id": "resp_1", "object": "response", "usage": None}},
            {"type": "response.completed", "response": {"object": "response", "status": "completed", "usage":
             {"input_tokens": 37, "output_tokens": 11, "output_tokens_details": {"reasoning_tokens": 0},
              "total_tokens": 48}}}),
        (37, 11, 48, None, None, 0),
    ),
    "OpenAI Realtime": (
        {"type": "response.done", "response": {"object": "realtime.response", "usage": {
            "total_tokens": 253, "input_tokens": 132, "output_tokens": 121,
            "input_token_details": {"text_tokens": 119, "cached_tokens": 64, "cached_tokens_details": {}},
            "output_token_details": {"text_tokens": 30, "audio_tokens": 91}}}},
        (132, 121, 253, 64, None, None),
    ),
    "OpenAI embeddings": (usage(prompt_tokens=8, total_tokens=8), (8, None, 8, None, None, None)),
    "OpenAI streamed, usage null but in the last chunk": (
        sse({"choices": [{"delta": {"content": "Hi"}}], "usage": None},
            {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}},
            {"choices": [], "usage": None}),
        (9, 3, 12, None, None, None),
    ),
    "vLLM, without details": (
        usage(prompt_tokens=9, completion_tokens=3, total_tokens=12, prompt_tokens_details=None),
        (9, 3, 12, None, None, None),
    ),
    "xAI, reasoning beside the completion": (
        usage(prompt_tokens=12, completion_tokens=1, total_tokens=399,
              completion_tokens_details={"reasoning_tokens": 386}, num_sources_used=0),
        (12, 387, 399, None, None, 386),
    ),
    "xAI, a long completion beside its reasoning": (
        usage(prompt_tokens=12, completion_tokens=500, total_tokens=898,
              completion_tokens_details={"reasoning_tokens": 386}),
        (12, 886, 898, None, None, 386),
    ),
    "Gemini in OpenAI's form, thinking is told by the total only": (
        usage(prompt_tokens=10, completion_tokens=20, total_tokens=500), (10, 490, 500, None, None, None),
    ),
    "Perplexity deep research, reasoning in neither count": (
        usage(prompt_tokens=19, completion_tokens=498, total_tokens=517, citation_tokens=10175,
              num_search_queries=48, reasoning_tokens=305102),
        (19, 305600, 305619, None, None, 305102),
    ),
    "DeepSeek": (
        usage(prompt_tokens=100, completion_tokens=10, total_tokens=110, prompt_cache_hit_tokens=64,
              prompt_cache_miss_tokens=36, completion_tokens_details={"reasoning_tokens": 7}),
        (100, 10, 110, 64, None, 7),
    ),
    "Moonshot, Together: cached beside the counts": (
        usage(prompt_tokens=100, completion_tokens=10, total_tokens=110, cached_tokens=80),
        (100, 10, 110, 80, None, None),
    ),
    "Groq, streamed": (
        sse({"choices": [{"delta": {}, "finish_reason": "stop"}],
             "x_groq": {"id": "req_1", "usage": {"queue_time": 0.1, "prompt_tokens": 40, "completion_tokens": 25,
                                                "total_tokens": 65, "total_time": 0.04}}}),
        (40, 25, 65, None, None, None),
    ),
    "OpenRouter": (
        usage(prompt_tokens=194, completion_tokens=2, total_tokens=196, cost=0.95,
              prompt_tokens_details={"cached_tokens": 50, "cache_write_tokens": 100},
              completion_tokens_details={"reasoning_tokens": 0}, cost_details={"upstream_inference_cost": 19}),
        (194, 2, 196, 50, 100, 0),
    ),
    "Alibaba, in its own form": (
        {"output": {"choices": [{"finish_reason": "stop"}]}, "request_id": "r-1", "usage": {
            "input_tokens": 60, "output_tokens": 5, "total_tokens": 65, "prompt_tokens_details": {
                "cached_tokens": 0, "cache_creation_input_tokens": 50}}},
        (60, 5, 65, 0, 50, None),
    ),
    "LiteLLM: Anthropic's cache in OpenAI's usage, inside the prompt": (
        usage(prompt_tokens=100, completion_tokens=10, total_tokens=110, cache_read_input_tokens=80,
              cache_creation_input_tokens=5),
        (100, 10, 110, 80, 5, None),
    ),
    "Anthropic's cache in OpenAI's usage, beside the prompt by the total": (
        usage(prompt_tokens=30, completion_tokens=10, total_tokens=60, cache_read_input_tokens=20),
        (50, 10, 60, 20, None, None),
    ),
    "Anthropic's cache in OpenAI's usage, beside the prompt since it is larger": (
        usage(prompt_tokens=20, completion_tokens=10, cache_read_input_tokens=80), (100, 10, 110, 80, None, None),
    ),
    "two names, one null": (usage(prompt_tokens=None, input_tokens=7), (7, None, None, None, None, None)),
    "two names, one zero": (
        usage(prompt_tokens=0, completion_tokens=0, total_tokens=10, input_tokens=7, output_tokens=3),
        (7, 3, 10, None, None, None),
    ),
    "Anthropic": (
        usage(input_tokens=21, cache_creation_input_tokens=188, cache_read_input_tokens=1000, output_tokens=393,
              cache_creation={"ephemeral_5m_input_tokens": 88, "ephemeral_1h_input_tokens": 100},
              service_tier="standard"),
        (1209, 393, 1602, 1000, 188, None),
    ),
    "Anthropic, cache written told by its lifetimes only": (
        usage(input_tokens=21, output_tokens=3, cache_creation={"ephemeral_5m_input_tokens": 88,
                                                               "ephemeral_1h_input_tokens": 100}),
        (209, 3, 212, None, 188, None),
    ),
    "Anthropic, streamed: what comes later without a count erases none": (
        sse({"type": "message_start", "message": {"id": "msg_1", "usage": {
                "input_tokens": 25, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 4,
                "output_tokens": 1}}},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {
                "input_tokens": None, "cache_read_input_tokens": None, "cache_creation_input_tokens": 0,
                "output_tokens": 15}},
            {"type": "message_stop"}),
        (129, 15, 144, 100, 4, None),
    ),
    "Bedrock Converse": (
        {"output": {"message": {"role": "assistant"}}, "stopReason": "end_turn", "usage": {
            "inputTokens": 368, "outputTokens": 19, "totalTokens": 10923, "cacheReadInputTokens": 10500,
            "cacheWriteInputTokens": 36}},
        (10904, 19, 10923, 10500, 36, None),
    ),
    "Bedrock Converse, streamed": (
        [{"messageStart": {"role": "assistant"}}, {"contentBlockDelta": {"delta": {"text": "Hi"}}},
         {"messageStop": {"stopReason": "end_turn"}},
         {"metadata": {"usage": {"inputTokens": 47, "outputTokens": 20, "totalTokens": 67},
                       "metrics": {"latencyMs": 100}}}],
        (47, 20, 67, None, None, None),
    ),
    "Bedrock, streamed: its own measures in the last chunk": (
        {"completion": "Hi", "stop_reason": "stop_sequence", "amazon-bedrock-invocationMetrics": {
            "inputTokenCount": 13, "outputTokenCount": 4, "invocationLatency": 500, "firstByteLatency": 300}},
        (13, 4, 17, None, None, None),
    ),
    "Titan": (
        {"inputTextTokenCount": 5, "results": [{"tokenCount": 21, "outputText": "Hi", "completionReason": "FINISH"}]},
        (5, 21, 26, None, None, None),
    ),
    "Titan, streamed": (
        {"outputText": "Hi", "index": 0, "totalOutputTextTokenCount": 13, "inputTextTokenCount": 3,
         "completionReason": "FINISH"},
        (3, 13, 16, None, None, None),
    ),
    "Titan embeddings": ({"embedding": [0.1], "inputTextTokenCount": 6}, (6, None, None, None, None, None)),
    "Llama on Bedrock": (
        {"generation": "Hi", "prompt_token_count": 12, "generation_token_count": 7, "stop_reason": "stop"},
        (12, 7, 19, None, None, None),
    ),
    "Nova on Bedrock": (
        usage(inputTokens=26, outputTokens=9, totalTokens=35, cacheReadInputTokenCount=0, cacheWriteInputTokenCount=0),
        (26, 9, 35, 0, 0, None),
    ),
    "Gemini": (
        {"usageMetadata": {"promptTokenCount": 12, "cachedContentTokenCount": 4, "candidatesTokenCount": 71,
                           "toolUsePromptTokenCount": 65, "thoughtsTokenCount": 89, "totalTokenCount": 237,
                           "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 12}]}},
        (77, 160, 237, 4, None, 89),
    ),
    "Gemini, thoughts within the candidates by the total": (
        {"usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 10, "thoughtsTokenCount": 5,
                           "totalTokenCount": 20}},
        (10, 10, 20, None, None, 5),
    ),
    "Gemini in snake case": (
        {"usage_metadata": {"prompt_token_count": 10, "candidates_token_count": 2, "thoughts_token_count": 30,
                            "cached_content_token_count": 8, "total_token_count": 42}},
        (10, 32, 42, 8, None, 30),
    ),
    "Gemini, all of the answer is thought": (
        {"usageMetadata": {"promptTokenCount": 10, "thoughtsTokenCount": 90, "totalTokenCount": 100}},
        (10, 90, 100, None, None, 90),
    ),
    "Gemini, streamed as a list": (
        [{"candidates": [{}], "usageMetadata": {"promptTokenCount": 10, "totalTokenCount": 10}},
         {"candidates": [{}], "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 4,
                                               "totalTokenCount": 14}}],
        (10, 4, 14, None, None, None),
    ),
    "Cohere v2": (
        usage(billed_units={"input_tokens": 5, "output_tokens": 418},
              tokens={"input_tokens": 71, "output_tokens": 419}, cached_tokens=64),
        (71, 419, 490, 64, None, None),
    ),
    "Cohere v2, billed only": (
        usage(billed_units={"input_tokens": 5, "output_tokens": 418}), (5, 418, 423, None, None, None),
    ),
    "Cohere v2, streamed": (
        sse({"type": "message-start", "id": "29f14a5a", "delta": {"message": {"role": "assistant"}}},
            {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": {
                "billed_units": {"input_tokens": 17, "output_tokens": 12},
                "tokens": {"input_tokens": 215, "output_tokens": 12}}}}),
        (215, 12, 227, None, None, None),
    ),
    "Cohere v1": (
        {"text": "Hi", "finish_reason": "COMPLETE", "meta": {
            "billed_units": {"output_tokens": 12, "input_tokens": 4},
            "tokens": {"input_tokens": 70, "output_tokens": 12}}},
        (70, 12, 82, None, None, None),
    ),
    "Cohere embeddings": (
        {"embeddings": {}, "meta": {"billed_units": {"input_tokens": 2}}}, (2, None, None, None, None, None),
    ),
    "Ollama": (
        {"model": "llama3.2", "message": {"role": "assistant", "content": "Hi"}, "done": True, "done_reason": "stop",
         "prompt_eval_count": 26, "eval_count": 298},
        (26, 298, 324, None, None, None),
    ),
    "Ollama, streamed as lines of JSON": (
        '{"model":"llama3.2","response":"Hi","done":false}\n{"model":"llama3.2","response":"","done":true,'
        '"done_reason":"stop","prompt_eval_count":26,"eval_count":3}\n',
        (26, 3, 29, None, None, None),
    ),
    "llama.cpp": (
        {"content": "Hi", "tokens_evaluated": 20, "tokens_predicted": 8, "tokens_cached": 27, "stop": True},
        (20, 8, 28, None, None, None),
    ),
    "Text Generation Inference": (
        [{"generated_text": "Hi", "details": {"finish_reason": "length", "generated_tokens": 20, "prefill": []}}],
        (None, 20, None, None, None, None),
    ),
    "Text Generation Inference, streamed": (
        'data:{"index":1,"token":{"id":1},"generated_text":null,"details":null}\n\n'
        'data:{"index":2,"token":{"id":2},"generated_text":"Hi","details":{"finish_reason":"length",'
        '"generated_tokens":20,"input_length":9,"seed":null}}\n\n',
        (9, 20, 29, None, None, None),
    ),
    "watsonx": (
        {"model_id": "ibm/granite-13b-chat-v2", "results": [{"generated_text": "Hi", "generated_token_count": 4,
                                                            "input_token_count": 7, "stop_reason": "eos_token"}]},
        (7, 4, 11, None, None, None),
    ),
    "Replicate": ({"metrics": {"input_token_count": 7, "output_token_count": 4}}, (7, 4, 11, None, None, None)),
    "Oracle": (
        {"modelId": "meta.llama", "chatResponse": {"apiFormat": "GENERIC", "usage": {
            "promptTokens": 7, "completionTokens": 4, "totalTokens": 11}}},
        (7, 4, 11, None, None, None),
    ),
    "Cloudflare": (
        {"result": {"response": "Hi", "usage": {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}},
         "success": True},
        (7, 4, 11, None, None, None),
    ),
    "Aleph Alpha": (
        {"completions": [{"finish_reason": "end_of_text"}], "num_tokens_prompt_total": 7, "num_tokens_generated": 4},
        (7, 4, 11, None, None, None),
    ),
    "LangChain usage_metadata: the cache is part of the input": (
        {"usage_metadata": {"input_tokens": 350, "output_tokens": 240, "total_tokens": 590,
                            "input_token_details": {"audio": 10, "cache_creation": 200, "cache_read": 100},
                            "output_token_details": {"audio": 10, "reasoning": 200}}},
        (350, 240, 590, 100, 200, 200),
    ),
    "LangChain message, written down": (
        {"lc": 1, "type": "constructor", "kwargs": {"content": "Hi", "response_metadata": {
            "token_usage": {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11},
            "model_name": "gpt-4", "finish_reason": "stop"}}},
        (7, 4, 11, None, None, None),
    ),
    "LangChain llm_output": (
        {"generations": [[]], "llm_output": {"token_usage": {"prompt_tokens": 7, "completion_tokens": 4,
                                                            "total_tokens": 11}}},
        (7, 4, 11, None, None, None),
    ),
    "Vercel AI SDK 4": (
        {"text": "Hi", "finishReason": "stop", "usage": {"promptTokens": 7, "completionTokens": 4, "totalTokens": 11}},
        (7, 4, 11, None, None, None),
    ),
    "Vercel AI SDK 5": (
        usage(inputTokens=13457, outputTokens=564, totalTokens=14021, reasoningTokens=100, cachedInputTokens=13184),
        (13457, 564, 14021, 13184, None, 100),
    ),
    "Vercel AI SDK 6": (
        usage(inputTokens=2050,
              inputTokenDetails={"noCacheTokens": 1700, "cacheReadTokens": 250, "cacheWriteTokens": 100},
              outputTokens=140, outputTokenDetails={"textTokens": 100, "reasoningTokens": 40}, totalTokens=2190,
              raw={"input_tokens": 1700, "cache_read_input_tokens": 250}),
        (2050, 140, 2190, 250, 100, 40),
    ),
    "Tencent, in capitals": (
        {"Response": {"Usage": {"PromptTokens": 7, "CompletionTokens": 4, "TotalTokens": 11}}},
        (7, 4, 11, None, None, None),
    ),
    "Voyage: a total only": (
        {"object": "list", "data": [], "model": "voyage-3", "usage": {"total_tokens": 10}},
        (None, None, 10, None, None, None),
    ),
    "Gemini's Interactions": (
        {"id": "v1_a", "status": "completed", "usage": {"total_input_tokens": 9, "total_output_tokens": 779,
         "total_thought_tokens": 912, "total_cached_tokens": 4, "total_tool_use_tokens": 0, "total_tokens": 1700}},
        (9, 1691, 1700, 4, None, 912),
    ),
    "Gemini's Interactions, streamed": (
        sse({"event_type": "interaction.complete", "interaction": {"usage": {
            "total_input_tokens": 9, "total_output_tokens": 7, "total_tokens": 16}}}),
        (9, 7, 16, None, None, None),
    ),
    "PaLM on Vertex AI": (
        {"predictions": [{}], "metadata": {"tokenMetadata": {
            "inputTokenCount": {"totalTokens": 54, "totalBillableCharacters": 182},
            "outputTokenCount": {"totalTokens": 12, "totalBillableCharacters": 44}}}},
        (54, 12, 66, None, None, None),
    ),
    "SGLang": (
        {"text": "Hi", "meta_info": {"prompt_tokens": 5, "completion_tokens": 3, "cached_tokens": 4,
                                    "finish_reason": {"type": "length", "length": 3}}},
        (5, 3, 8, 4, None, None),
    ),
    "OpenAI's .NET library": (
        {"Usage": {"OutputTokenCount": 9, "InputTokenCount": 20, "TotalTokenCount": 29,
                   "OutputTokenDetails": {"ReasoningTokenCount": 4}, "InputTokenDetails": {"CachedTokenCount": 16}}},
        (20, 9, 29, 16, None, 4),
    ),
    "Codex": (
        usage(input_tokens=100, cached_input_tokens=80, output_tokens=20, reasoning_output_tokens=12, total_tokens=120),
        (100, 20, 120, 80, None, 12),
    ),
    "LlamaIndex": (
        {"additional_kwargs": {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}},
        (7, 4, 11, None, None, None),
    ),
    "LangChain, Anthropic's cache by its lifetimes": (
        {"usage_metadata": {"input_tokens": 300, "output_tokens": 5, "total_tokens": 305, "input_token_details": {
            "cache_read": 0, "cache_creation": 0, "ephemeral_5m_input_tokens": 200}}},
        (300, 5, 305, 0, 200, None),
    ),
    "Anthropic, written for an hour only": (
        usage(input_tokens=21, output_tokens=3, cache_creation={"ephemeral_1h_input_tokens": 100}),
        (121, 3, 124, None, 100, None),
    ),
    "Anthropic's events as a list": (
        [{"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 25, "output_tokens": 1}}},
         {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 15}}],
        (25, 15, 40, None, None, None),
    ),
    "Anthropic, nothing cached": (
        usage(input_tokens=21, cache_creation_input_tokens=0, cache_read_input_tokens=0, output_tokens=3),
        (21, 3, 24, 0, 0, None),
    ),
    "Anthropic with a total that a gateway added": (
        usage(input_tokens=10, cache_read_input_tokens=90, output_tokens=5, total_tokens=105),
        (100, 5, 105, 90, None, None),
    ),
    "counts as text, and as whole floats": (
        usage(prompt_tokens="7\x1f", completion_tokens=4.0, total_tokens=11), (7, 4, 11, None, None, None),
    ),
    "counts that are none": (
        usage(prompt_tokens=-1, completion_tokens=True, total_tokens=1.5, input_tokens=[7], output_tokens={}),
        (None,) * 6,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_every_providers_counts_have_one_meaning(name: str) -> None:
    response, expected = CASES[name]
    assert tokens_of(response) == expected


@pytest.mark.parametrize("name", CASES)
def test_counts_are_the_same_in_a_body_as_json_text_encoded_twice_and_redacted(name: str) -> None:
    response, expected = CASES[name]
    text = response if isinstance(response, str) else json.dumps(response)
    for written in (text, json.dumps(text), {"statusCode": 200, "body": text}):
        assert tokens_of(written) == expected
    record = to_record("st-1", {"Payload Details": {"Response Payload": response}}, redact=True)
    assert tuple(record[column] for column in COLUMNS) == expected


def test_counts_that_the_log_has_itself_win_and_the_total_is_theirs() -> None:
    response = usage(prompt_tokens=10, completion_tokens=5, total_tokens=15)
    counted = tokens_of(response, **{"Request Tokens": 100, "Response Tokens": "50"})
    assert counted[:3] == (100, 50, 150)
    assert tokens_of(response, **{"Request Tokens": 100})[:3] == (100, 5, 105)


@pytest.mark.parametrize(
    ("response", "model", "reason"),
    [
        ({"model": "llama3.2", "message": {"content": "Hi"}, "done_reason": "stop"}, "llama3.2", "stop"),
        ({"model_id": "ibm/granite-3", "results": [{"stop_reason": "eos_token"}]}, "ibm/granite-3", "eos_token"),
        ({"generations": [{"finish_reason": "MAX_TOKENS", "text": "Hi"}]}, None, "MAX_TOKENS"),
        ({"outputs": [{"text": "Hi", "stop_reason": "length"}]}, None, "length"),
        ({"completions": [{"finishReason": {"reason": "endoftext"}}]}, None, "endoftext"),
        ({"results": [{"completionReason": "FINISH"}]}, None, "FINISH"),
        ({"outputText": "Hi", "completionReason": "LENGTH"}, None, "LENGTH"),
        ([{"generated_text": "Hi", "details": {"finish_reason": "eos_token"}}], None, "eos_token"),
        ({"text": "Hi", "meta_info": {"finish_reason": {"type": "length", "length": 3}}}, None, "length"),
        ({"text": "Hi", "finishReason": "tool-calls", "response": {"modelId": "gpt-4"}}, "gpt-4", "tool-calls"),
        ({"kwargs": {"response_metadata": {"model_name": "gpt-4", "finish_reason": "stop"}}}, "gpt-4", "stop"),
        ({"candidates": [{"finish_reason": "STOP"}], "model_version": "gemini-2"}, "gemini-2", "STOP"),
        ({"Response": {"Choices": [], "FinishReason": "stop"}}, None, "stop"),
        ({"object": "response", "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
         None, "max_output_tokens"),
        ({"object": "response", "status": "completed", "incomplete_details": None}, None, "completed"),
        ({"promptFeedback": {"blockReason": "SAFETY"}}, None, "SAFETY"),
        ({"choices": [{"finish_reason": None}], "stop_reason": 5, "model": ["gpt-4"]}, None, None),
        (sse({"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}), None, "COMPLETE"),
        (sse({"choices": [{"finish_reason": "stop"}]}, {"choices": [{"index": 1, "finish_reason": "length"}]}),
         None, "stop"),
        ([{"messageStop": {"stopReason": "end_turn"}}, {"metadata": {"metrics": {}}}], None, "end_turn"),
    ],
)  # fmt: skip
def test_the_model_that_answered_and_why_it_stopped_are_found_in_every_shape(
    response: Any, model: str | None, reason: str | None
) -> None:
    record = to_record("st-1", {"Payload Details": {"Response Payload": response}})
    assert (record["response_model"], record["finish_reason"]) == (model, reason)


@pytest.mark.parametrize(
    ("request_payload", "columns"),
    [
        ({"modelId": "m", "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "topP": 1}}, ("m", 9, 0.5, 1.0)),
        ({"model": "m", "options": {"num_predict": 9, "temperature": "0.5", "top_p": 1}}, ("m", 9, 0.5, 1.0)),
        ({"model_id": "m", "parameters": {"max_new_tokens": "9", "temperature": 0.5, "top_p": 1}}, ("m", 9, 0.5, 1.0)),
        ({"model": "m", "max_tokens": 9.0, "temperature": 0.5, "p": 1}, ("m", 9, 0.5, 1.0)),
        ({"generation_config": {"max_output_tokens": 9, "temperature": 0.5, "top_p": 1}}, (None, 9, 0.5, 1.0)),
        ('{"model": "m", "max_completion_tokens": 9, "temperature": 0.5, "top_p": 1, "messages": [{"content": "cut',
         ("m", 9, 0.5, 1.0)),
    ],
)  # fmt: skip
def test_parameters_are_found_in_every_shape(request_payload: Any, columns: tuple[Any, ...]) -> None:
    record = to_record("st-1", {"Payload Details": {"Request Payload": request_payload}})
    assert tuple(record[name] for name in ("request_model", "max_tokens", "temperature", "top_p")) == columns


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


OPEN = "GenAI Gateway Circuit Open"


def failure_of(response: Any, redact: bool = False, **row: Any) -> tuple[str | None, str | None]:
    record = to_record("st-1", {**row, "Payload Details": {"Response Payload": response}}, redact)
    return record["error_type"], record["error_message"]


@pytest.mark.parametrize(
    ("response", "kind", "message"),
    [
        ({"error": {"type": "rate_limit_error", "message": "Slow down"}}, "rate_limit_error", "Slow down"),
        ({"error": {"type": None, "code": "content_filter", "message": "No"}}, "content_filter", "No"),
        ({"error": {"type": "requests", "code": "rate_limit_exceeded", "message": "No"}}, "requests", "No"),
        ({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "No"}}, "RESOURCE_EXHAUSTED", "No"),
        ({"__type": "com.amazon.coral#ThrottlingException", "message": "No"}, "ThrottlingException", "No"),
        ({"error": "No luck", "code": "ECONNRESET"}, "ECONNRESET", "No luck"),
        ({"errors": [{"msg": "No luck", "code": 4002}]}, None, "No luck"),
        ({"errors": ["No luck"]}, None, "No luck"),
        ([{"error": {"status": "INTERNAL", "message": "No"}}], "INTERNAL", "No"),
        ('data: {"type": "error", "error": {"type": "overloaded_error", "message": "No"}}', "overloaded_error", "No"),
        ('{"error": {"type": "api_error", "message": "No"}}', "api_error", "No"),
        ({"error": {"type": OPEN, "code": 429}}, OPEN, OPEN),
        ({"error": OPEN}, OPEN, OPEN),
        ({"object": "error", "type": "error", "code": "ETIMEDOUT", "message": "No"}, "ETIMEDOUT", "No"),
        ({"error": None}, None, None),
        ({"error": []}, None, None),
        ({"error": 5}, None, None),
        ({"errors": [None]}, None, None),
        ({"error": {}}, None, None),
        ({"message": "Hello", "type": "message"}, None, None),
        ({"choices": [{"finish_reason": "stop"}]}, None, None),
        ("Hello", None, None),
        (None, None, None),
    ],
)
def test_an_error_is_known_in_the_shape_of_every_provider(response: Any, kind: str | None, message: str | None) -> None:
    assert failure_of(response) == (kind, message)


@pytest.mark.parametrize(
    "row", [{"Status": "Failure"}, {"status": "FAILURE"}, {"statusCode": 504}, {"statusCode": "429"}]
)
def test_of_a_call_that_failed_a_text_or_a_bare_message_is_the_error(row: dict[str, Any]) -> None:
    assert failure_of("Timed out", **row) == (None, "Timed out")
    assert failure_of({"message": "Timed out", "code": "ETIMEDOUT"}, **row) == ("ETIMEDOUT", "Timed out")
    assert failure_of({"type": "message", "content": "Hello"}, **row) == (None, None)
    assert failure_of("Timed out", Status="Success", statusCode=200) == (None, None)


@pytest.mark.parametrize("reason", sorted(GATEWAY_REASONS))
@pytest.mark.parametrize(
    "shape",
    [
        lambda reason: {"error": {"message": OPEN, "reason": reason, "code": 429}},
        lambda reason: {"error": {"type": OPEN, "reason": reason}},
        lambda reason: {"error": OPEN, "reason": reason},
        lambda reason: {"errors": [{"msg": OPEN, "reason": reason}]},
        lambda reason: {"message": OPEN, "reason": reason},
        lambda reason: {"error": {"message": OPEN}, "reason": reason},
    ],
)
def test_a_failure_of_the_gateway_is_known_by_its_reason_wherever_it_stands(shape: Any, reason: str) -> None:
    row = {"Status": "Failure", "statusCode": 429}
    assert failure_of(shape(reason), **row) == (reason, OPEN)
    assert failure_of(shape(reason), redact=True, **row) == (reason, None)
    kept = to_record("st-1", {**row, "Payload Details": {"Response Payload": shape(reason)}}, redact=True)
    assert kept["response_payload"] == shape(reason)


def test_redacted_leaves_no_message_and_of_kinds_only_known_words() -> None:
    for kind in ("Zanzibar", "rate_limit_error of Zanzibar", 5):
        response = {"error": {"type": kind, "message": "Zanzibar"}}
        assert failure_of(response, redact=True) == (None, None)
    for kind in sorted(ERRORS - {"error"}):
        assert failure_of({"error": {"type": kind, "message": "Zanzibar"}}, redact=True) == (kind, None)
