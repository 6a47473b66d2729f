-- Weeks from Monday to Sunday (UTC). A change is told between two whole weeks that follow each other: the first and the
-- last week of the log are often cut.
with weeks as (
    select
        week,
        count(*) as calls,
        count(total_tokens) as calls_with_total_tokens,
        cast(sum(total_tokens) as {{ dbt.type_bigint() }}) as total_tokens,
        round(cast(avg(total_tokens) as {{ dbt.type_numeric() }}), 1) as tokens_per_call,
        sum(cost_usd) as cost_usd
    from {{ ref('kore_llm_calls') }}
    where week is not null
    group by week
),

bounds as (
    select min(day) as first_day, max(day) as last_day
    from {{ ref('kore_llm_calls') }}
),

compared as (
    select
        weeks.*,
        weeks.week >= bounds.first_day
        and cast({{ dbt.dateadd('day', 6, 'weeks.week') }} as date) <= bounds.last_day as is_whole_week,
        lag(weeks.week) over (order by weeks.week) as previous_week,
        lag(weeks.week) over (order by weeks.week) >= bounds.first_day as is_previous_whole,
        lag(weeks.total_tokens) over (order by weeks.week) as previous_tokens
    from weeks
    cross join bounds
)

select
    week,
    is_whole_week,
    calls,
    calls_with_total_tokens,
    total_tokens,
    case
        when
            is_whole_week and is_previous_whole
            and cast({{ dbt.dateadd('day', 7, 'previous_week') }} as date) = week
            then round(100.0 * (total_tokens - previous_tokens) / nullif(previous_tokens, 0), 1)
    end as tokens_change_percent,
    tokens_per_call,
    cost_usd
from compared
