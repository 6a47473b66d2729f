-- What each month costs, and what the one that runs will cost if it goes on as until now. The first month of the log may
-- begin before it: its forecast is of what is left of it from the log's first day.
with span as (
    {{ log_span() }}
),

months as (
    select
        cast({{ dbt.date_trunc('month', 'day') }} as date) as month,
        sum(calls) as calls,
        sum(priced_calls) as priced_calls,
        sum(cost_usd) as cost_usd
    from {{ ref('kore_llm_usage_by_day') }}
    where day is not null
    group by cast({{ dbt.date_trunc('month', 'day') }} as date)
),

told as (
    select
        months.*,
        {{ elapsed_percent('month', later('month', 1, 'month')) }} as elapsed_percent,
        lag(months.cost_usd) over (order by months.month) as previous_month_usd
    from months
    cross join span
)

select
    month,
    elapsed_percent >= 100 as is_over,
    calls,
    priced_calls,
    cost_usd,
    previous_month_usd,
    round(cast(elapsed_percent as {{ dbt.type_numeric() }}), 1) as elapsed_percent,
    {{ forecast('cost_usd', 'elapsed_percent') }} as forecast_usd
from told
