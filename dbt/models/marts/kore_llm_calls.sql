-- A row for each call, with what it cost: at your own prices where there are any (cost_usd), and at public ones (list_cost_usd).
-- A cost is null, never zero, where the model has no price (has_price) or a count of tokens lacks (has_tokens).
with calls as (
    select
        *,
        cast(coalesce(end_date, start_date) as date) as day,
        coalesce(lower(status) = 'failure', false) as is_failure,
        request_tokens is not null and response_tokens is not null as has_tokens,
        -- request_tokens are the whole prompt. Where a log's own count leaves the cache out, its part cannot be told.
        coalesce(cached_tokens, 0) + coalesce(cache_write_tokens, 0) <= request_tokens as has_cache_parts,
        coalesce(reasoning_tokens, 0) <= response_tokens as has_reasoning_part
    from {{ ref('stg_kore_llm_logs') }}
),

names as (
    select distinct
        response_model,
        request_model,
        model_name,
        {{ price_key('response_model') }} as response_key,
        {{ price_key('request_model') }} as request_key,
        {{ price_key('model_name') }} as name_key
    from calls
),

candidates as (
    select
        names.response_model as call_response_model,
        names.request_model as call_request_model,
        names.model_name as call_model_name,
        prices.*,
        case prices.price_key when names.response_key then 1 when names.request_key then 2 else 3 end as matched
    from names
    inner join {{ ref('int_kore_llm_prices') }} as prices
        on prices.price_key = names.response_key
        or prices.price_key = names.request_key
        or prices.price_key = names.name_key
),

matches as (
    select
        calls.id,
        candidates.*,
        row_number() over (
            partition by calls.id order by candidates.price_source, candidates.matched
        ) as place,
        row_number() over (
            partition by calls.id, candidates.price_source order by candidates.matched
        ) as place_of_source
    from calls
    inner join candidates
        on coalesce(calls.response_model, '') = coalesce(candidates.call_response_model, '')
        and coalesce(calls.request_model, '') = coalesce(candidates.call_request_model, '')
        and coalesce(calls.model_name, '') = coalesce(candidates.call_model_name, '')
        and (candidates.valid_from is null or calls.day >= candidates.valid_from)
        and (candidates.valid_until is null or calls.day < candidates.valid_until)
        and (candidates.prompt_tokens_above = 0 or calls.request_tokens > candidates.prompt_tokens_above)
        and (
            candidates.prompt_tokens_up_to is null
            or coalesce(calls.request_tokens, 0) <= candidates.prompt_tokens_up_to
        )
),

parts as (
    select
        id,
        case when has_cache_parts then coalesce(cached_tokens, 0) else 0 end as cache_read,
        case when has_cache_parts then coalesce(cache_write_tokens, 0) else 0 end as cache_write,
        case when has_reasoning_part then coalesce(reasoning_tokens, 0) else 0 end as reasoning
    from calls
)

select
    {% for name in stream_columns() -%}
    calls.{{ name }},
    {% endfor -%}
    calls.guardrail_scanner,
    calls.guardrail_scanned,
    calls.guardrail_is_valid,
    calls.arrived_at,
    calls.sync_id,
    coalesce(calls.end_date, calls.start_date) as ended_at,
    calls.day,
    {{ monday('calls.day') }} as week,
    -- For people: a name that is not known has one all the same, so that groups and charts show it.
    coalesce(calls.model_name, '(none)') as model,
    coalesce(calls.feature_name, '(none)') as feature,
    coalesce(calls.channel_name, '(none)') as channel,
    coalesce(calls.prompt_name, '(none)') as prompt,
    calls.is_failure,
    calls.has_tokens,
    chosen.id is not null as has_price,
    chosen.price_source,
    case chosen.matched when 1 then 'response_model' when 2 then 'request_model' when 3 then 'model_name' end
        as price_matched_by,
    chosen.priced_model,
    -- The tokens that each price applies to, null where tokens were not counted.
    case when calls.has_tokens then calls.request_tokens - parts.cache_read - parts.cache_write end as input_tokens_billed,
    case when calls.has_tokens then parts.cache_read end as cache_read_tokens_billed,
    case when calls.has_tokens then parts.cache_write end as cache_write_tokens_billed,
    case when calls.has_tokens then calls.response_tokens - parts.reasoning end as output_tokens_billed,
    case when calls.has_tokens then parts.reasoning end as reasoning_tokens_billed,
    {% for price in ('input', 'cache_read', 'cache_write', 'output', 'reasoning') -%}
    chosen.{{ price }}_usd_per_million,
    list.{{ price }}_usd_per_million as list_{{ price }}_usd_per_million,
    {% endfor -%}
    {% for price, cost in (('chosen', 'cost_usd'), ('list', 'list_cost_usd')) -%}
    cast(cast(
        (calls.request_tokens - parts.cache_read - parts.cache_write) * {{ price }}.input_usd_per_million
        + parts.cache_read * {{ price }}.cache_read_usd_per_million
        + parts.cache_write * {{ price }}.cache_write_usd_per_million
        + (calls.response_tokens - parts.reasoning) * {{ price }}.output_usd_per_million
        + parts.reasoning * {{ price }}.reasoning_usd_per_million
    as {{ type_usd() }}) / 1000000 as {{ type_usd() }}) as {{ cost }}{{ ',' if not loop.last }}
    {% endfor %}
from calls
inner join parts on calls.id = parts.id
left join matches as chosen on calls.id = chosen.id and chosen.place = 1
left join matches as list on calls.id = list.id and list.place_of_source = 1 and list.price_source = 'public'
