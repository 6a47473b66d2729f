-- How much of each bot's log is here, how fresh it is, and how much of it cannot be counted or priced.
select
    bot_id,
    count(*) as calls,
    min(coalesce(end_date, start_date)) as first_call_at,
    max(coalesce(end_date, start_date)) as last_call_at,
    max(arrived_at) as last_arrival_at,
    count(distinct day) as days_with_calls,
    {{ dbt.datediff('min(day)', 'max(day)', 'day') }} + 1 as days_spanned,
    sum(case when day is null then 1 else 0 end) as calls_without_date,
    sum(case when has_tokens then 0 else 1 end) as calls_without_tokens,
    sum(case when has_price then 0 else 1 end) as calls_without_price,
    sum(case when cost_usd is null then 1 else 0 end) as calls_without_cost,
    -- Calls of a model, that were answered: what a bill could be for.
    sum(case when cost_usd is null and guardrail_scanner is null and not is_failure then 1 else 0 end)
        as answers_without_cost
from {{ ref('kore_llm_calls') }}
group by bot_id
