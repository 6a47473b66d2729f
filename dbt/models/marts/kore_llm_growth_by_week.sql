-- Weeks from Monday to Sunday (UTC). A change is told between two whole weeks that follow each other: a week is whole when it
-- is over by the last arrival, and began no earlier than the log.
with span as (
    {{ log_span() }}
),

weeks as (
    select
        week,
        count(*) as calls,
        count(total_tokens) as calls_with_total_tokens,
        cast(sum(total_tokens) as {{ type_integer() }}) as total_tokens,
        round(cast(avg(total_tokens) as {{ dbt.type_numeric() }}), 1) as tokens_per_call,
        sum(cost_usd) as cost_usd
    from {{ ref('kore_llm_calls') }}
    where week is not null
    group by week
),

judged as (
    select
        weeks.*,
        weeks.week >= span.first_day
        and {{ moment(later('weeks.week', 7)) }} <= span.known_until as is_whole_week
    from weeks
    cross join span
),

compared as (
    select
        *,
        coalesce(
            is_whole_week and lag(is_whole_week) over (order by week)
            and {{ later('lag(week) over (order by week)', 7) }} = week,
            false
        ) as is_comparable,
        lag(total_tokens) over (order by week) as previous_tokens,
        lag(cost_usd) over (order by week) as previous_usd
    from judged
)

select
    week,
    is_whole_week,
    calls,
    calls_with_total_tokens,
    total_tokens,
    case when is_comparable then round(100.0 * (total_tokens - previous_tokens) / nullif(previous_tokens, 0), 1) end
        as tokens_change_percent,
    tokens_per_call,
    cost_usd,
    case when is_comparable then round(100.0 * (cost_usd - previous_usd) / nullif(previous_usd, 0), 1) end
        as cost_change_percent
from compared
