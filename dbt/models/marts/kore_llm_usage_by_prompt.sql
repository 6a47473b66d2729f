-- Prompts, the most expensive first: all their calls together, and each call that has a cost on average.
with usage as (
    {{ kore_llm_logs.usage_by(['prompt', 'feature']) }}
)

select
    *,
    cast(cost_usd / nullif(priced_calls, 0) as {{ type_usd() }}) as cost_per_call_usd,
    row_number() over (
        order by coalesce(cost_usd, -1) desc, coalesce(total_tokens, -1) desc, prompt, feature
    ) as place
from usage
