-- How much of each bot's log is here, how fresh it is, and how much of it cannot be counted or priced. A row without a bot
-- is one of its own.
with logged as (
    select
        logs.bot_id,
        coalesce(logs.end_date, logs.start_date) as ended_at,
        cast(coalesce(logs.end_date, logs.start_date) as date) as day,
        logs.arrived_at,
        logs.guardrail_scanner is not null as is_scan,
        calls.has_tokens,
        calls.has_price,
        calls.cost_usd,
        calls.is_failure
    from {{ ref('stg_kore_llm_logs') }} as logs
    left join {{ ref('kore_llm_calls') }} as calls on logs.id = calls.id
)

select
    bot_id,
    count(*) as log_rows,
    sum(case when is_scan then 0 else 1 end) as calls,
    sum(case when is_scan then 1 else 0 end) as guardrail_scans,
    min(ended_at) as first_call_at,
    max(ended_at) as last_call_at,
    max(case when arrived_at <= {{ utc_now() }} then arrived_at end) as last_arrival_at,
    sum(case when arrived_at > {{ utc_now() }} then 1 else 0 end) as arrivals_in_the_future,
    count(distinct day) as days_with_calls,
    {{ dbt.datediff('min(day)', 'max(day)', 'day') }} + 1 as days_spanned,
    sum(case when day is null then 1 else 0 end) as calls_without_date,
    sum(case when not is_scan and not has_tokens then 1 else 0 end) as calls_without_tokens,
    sum(case when not is_scan and not has_price then 1 else 0 end) as calls_without_price,
    sum(case when not is_scan and cost_usd is null then 1 else 0 end) as calls_without_cost,
    -- Calls that were answered: what a bill could be for.
    sum(case when not is_scan and cost_usd is null and not is_failure then 1 else 0 end) as answers_without_cost
from logged
group by bot_id
