-- A row for each call of a model, with what it cost: at your own prices where there are any (cost_usd), and at public ones
-- (list_cost_usd). A cost is null, never zero, where the model has no price (has_price) or a count of tokens lacks (has_tokens).
-- Scans of guardrails call no model: they are in kore_llm_guardrail_outcomes.
{{ config(
    partition_by={'field': 'day', 'data_type': 'date'} if target.type == 'bigquery' else none,
    cluster_by=['bot_id', 'model_name'] if target.type == 'bigquery' else none
) }}

with calls as (
    select
        *,
        {{ names_key() }} as names_key,
        {{ price_day() }} as price_day,
        cast(coalesce(end_date, start_date) as date) as day,
        {{ is_failure() }} as is_failure,
        coalesce(cached_tokens, 0) + coalesce(cache_write_tokens, 0) as cache_tokens,
        case when coalesce(reasoning_tokens, 0) <= response_tokens then coalesce(reasoning_tokens, 0) else 0 end as reasoning
    from {{ ref('stg_kore_llm_logs') }}
    where guardrail_scanner is null
),

-- request_tokens are the whole prompt, with its cache. Where there is more in the cache than that, Anthropic's own count, and
-- Bedrock's, leave the cache out: it comes on top. Others' counts then contradict each other: the cache is not told apart.
parts as (
    select
        *,
        case when cache_tokens <= request_tokens or leaves_cache_out then coalesce(cached_tokens, 0) else 0 end as cache_read,
        case when cache_tokens <= request_tokens or leaves_cache_out then coalesce(cache_write_tokens, 0) else 0 end
            as cache_write,
        request_tokens - case when cache_tokens <= request_tokens then cache_tokens else 0 end as input,
        coalesce(request_tokens, 0) + case when leaves_cache_out then cache_tokens else 0 end as prompt_size
    from (
        select
            *,
            cache_tokens > request_tokens and (
                coalesce(provider, '') in ('anthropic', 'aws.bedrock')
                or lower(coalesce(response_model, request_model, model_name)) like '%claude%'
            ) as leaves_cache_out
        from calls
    ) as counted
),

priced as (
    select
        parts.*,
        {% for source in ('own', 'public') -%}
        {% for column in ('confidence', 'matched_by', 'provider', 'priced_model', 'prompt_tokens_above') -%}
        {{ source }}_price.{{ column }} as {{ source }}_{{ column }},
        {% endfor -%}
        {% for kind in price_kinds() -%}
        {{ source }}_price.{{ kind }}_usd_per_million as {{ source }}_{{ kind }},
        {% endfor -%}
        {% endfor -%}
        {% for kind in price_kinds() -%}
        coalesce(own_price.{{ kind }}_usd_per_million, public_price.{{ kind }}_usd_per_million) as {{ kind }}_price{{ ',' if not loop.last }}
        {% endfor %}
    from parts
    {% for source in ('own', 'public') -%}
    left join (
        select * from {{ ref('int_kore_llm_matches') }} where price_source = '{{ source }}'
    ) as {{ source }}_price
        on parts.names_key = {{ source }}_price.names_key
        and parts.price_day = {{ source }}_price.price_day
        and parts.prompt_size > {{ source }}_price.above
        and parts.prompt_size <= {{ source }}_price.up_to
    {% endfor %}
),

told as (
    select
        *,
        case when own_input is not null then 'own' when public_input is not null then 'public' end as price_source,
        -- An embedding has no output: its price of it is 0.
        request_tokens is not null and (response_tokens is not null or coalesce(output_price = 0, false)) as has_tokens,
        coalesce(response_tokens, case when output_price = 0 then 0 end) - reasoning as output,
        case when response_tokens is null and output_price = 0 then 0 else reasoning end as reasoning_part
    from priced
),

costed as (
    select *, {{ cost_at('', '_price') }} as cost_usd from told
)

select
    {% for name in stream_columns() -%}
    {{ name }},
    {% endfor -%}
    time_to_first_token_ms,
    arrived_at,
    sync_id,
    source_relation,
    coalesce(end_date, start_date) as ended_at,
    day,
    {{ monday('day') }} as week,
    -- For people: a name that is not known has one all the same, so that groups and charts show it.
    coalesce(model_name, '(none)') as model,
    coalesce(feature_name, '(none)') as feature,
    coalesce(channel_name, '(none)') as channel,
    coalesce(prompt_name, '(none)') as prompt,
    is_failure,
    has_tokens,
    price_source is not null as has_price,
    price_source,
    case price_source when 'own' then own_matched_by when 'public' then public_matched_by end as price_matched_by,
    case price_source when 'own' then own_confidence when 'public' then public_confidence end as price_confidence,
    case price_source when 'own' then own_priced_model when 'public' then public_priced_model end as priced_model,
    coalesce(own_prompt_tokens_above, public_prompt_tokens_above) as prompt_tokens_above,
    public_priced_model as list_priced_model,
    public_provider as list_price_provider,
    public_prompt_tokens_above as list_prompt_tokens_above,
    -- The tokens that each price applies to, null where tokens were not counted.
    case when has_tokens then input end as input_tokens_billed,
    case when has_tokens then cache_read end as cache_read_tokens_billed,
    case when has_tokens then cache_write end as cache_write_tokens_billed,
    case when has_tokens then output end as output_tokens_billed,
    case when has_tokens then reasoning_part end as reasoning_tokens_billed,
    {% for kind in price_kinds() -%}
    {{ kind }}_price as {{ kind }}_usd_per_million,
    {% endfor -%}
    cost_usd,
    case when price_source = 'own' then {{ cost_at('public_', '') }} else cost_usd end as list_cost_usd,
    -- What the cache spared, at the price that was paid: less what writing to it cost more than plain input.
    cast(case
        when cache_read + cache_write > 0 then {{ usd('cache_read * (input_price - cache_read_price) + cache_write * (input_price - cache_write_price)') }}
        when price_source is not null then 0
    end as {{ type_usd() }}) as cache_saved_usd
from costed
