-- What caches of prompts saved, by provider and model: what their tokens would have cost as plain input, less what they
-- did cost and what writing to the cache cost more.
select
    coalesce(provider, '(none)') as provider,
    model,
    count(*) as calls,
    sum(case when cached_tokens > 0 then 1 else 0 end) as calls_with_cache,
    cast(sum(request_tokens) as {{ type_integer() }}) as request_tokens,
    cast(sum(cached_tokens) as {{ type_integer() }}) as cached_tokens,
    cast(sum(cache_write_tokens) as {{ type_integer() }}) as cache_write_tokens,
    round(100.0 * sum(cache_read_tokens_billed) / nullif(
        sum(input_tokens_billed + cache_read_tokens_billed + cache_write_tokens_billed), 0
    ), 1) as cached_percent,
    sum(cost_usd) as cost_usd,
    sum(cache_saved_usd) as saved_usd
from {{ ref('kore_llm_calls') }}
group by coalesce(provider, '(none)'), model
