-- Calls in the vocabulary of OpenTelemetry's semantic conventions for generative AI, as their repository has them in
-- November 2026 (status: development), an underscore for each dot: BigQuery has no dots in names. So the log can be laid
-- beside traces. Guardrail scans are no model's operation and not in it.
{%- set is_embedding %}lower(coalesce(response_model, request_model, model_name)) like '%embed%'{% endset %}

select
    case when {{ is_embedding }} then 'embeddings' else 'chat' end as gen_ai_operation_name,
    provider as gen_ai_provider_name,
    coalesce(request_model, model_name) as gen_ai_request_model,
    temperature as gen_ai_request_temperature,
    top_p as gen_ai_request_top_p,
    max_tokens as gen_ai_request_max_tokens,
    frequency_penalty as gen_ai_request_frequency_penalty,
    presence_penalty as gen_ai_request_presence_penalty,
    response_model as gen_ai_response_model,
    response_id as gen_ai_response_id,
    finish_reason as gen_ai_response_finish_reasons,
    time_to_first_token_ms / 1000 as gen_ai_response_time_to_first_chunk,
    request_tokens as gen_ai_usage_input_tokens,
    cached_tokens as gen_ai_usage_cache_read_input_tokens,
    cache_write_tokens as gen_ai_usage_cache_write_input_tokens,
    case when not coalesce({{ is_embedding }}, false) then response_tokens end as gen_ai_usage_output_tokens,
    reasoning_tokens as gen_ai_usage_reasoning_output_tokens,
    session_id as gen_ai_conversation_id,
    bot_id as gen_ai_agent_id,
    prompt_name as gen_ai_prompt_name,
    user_id,
    -- error.type is set where, and only where, the call failed.
    case when is_failure then coalesce(error_type, cast(status_code as {{ dbt.type_string() }}), '_OTHER') end as error_type,
    status_code as http_response_status_code,
    start_date as start_time,
    end_date as end_time,
    -- An embedding is no inference: its duration is that of an operation.
    case when not coalesce({{ is_embedding }}, false) then cast(time_taken_ms as {{ dbt.type_numeric() }}) / 1000 end
        as gen_ai_client_inference_duration,
    case when {{ is_embedding }} then cast(time_taken_ms as {{ dbt.type_numeric() }}) / 1000 end
        as gen_ai_client_operation_duration,
    -- Not of OpenTelemetry.
    id as kore_call_id,
    feature_name as kore_feature_name,
    channel_name as kore_channel_name,
    task_id as kore_task_id,
    cost_usd as kore_cost_usd
from {{ ref('kore_llm_calls') }}
