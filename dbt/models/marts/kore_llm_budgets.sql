-- A row for each budget and each day, week or month in which something was spent on it: how much of it is used, on which
-- day it was passed, and the model that took most. What was spent is known only of calls_with_cost of the calls.
with spent as (
    select
        budgets.budget,
        budgets.period,
        budgets.budget_usd,
        case budgets.period
            when 'day' then usage.day
            when 'week' then {{ monday('usage.day') }}
            else cast({{ dbt.date_trunc('month', 'usage.day') }} as date)
        end as period_start,
        usage.day,
        usage.model,
        usage.calls,
        usage.priced_calls,
        usage.cost_usd
    from ({{ budget_rows() }}) as budgets
    inner join {{ ref('kore_llm_usage_daily') }} as usage
        on (budgets.model is null or budgets.model = usage.model)
        and (budgets.feature is null or budgets.feature = usage.feature)
        and (budgets.bot_id is null or budgets.bot_id = usage.bot_id)
    where usage.day is not null
),

by_day as (
    select budget, period, period_start, budget_usd, day, sum(cost_usd) as day_usd, sum(calls) as calls,
        sum(priced_calls) as priced_calls
    from spent
    group by budget, period, period_start, budget_usd, day
),

running as (
    select
        *,
        sum(coalesce(day_usd, 0)) over (
            partition by budget, period, period_start order by day rows between unbounded preceding and current row
        ) as usd_so_far
    from by_day
),

models as (
    select
        budget,
        period,
        period_start,
        model,
        row_number() over (
            partition by budget, period, period_start order by coalesce(sum(cost_usd), -1) desc, model
        ) as place
    from spent
    group by budget, period, period_start, model
)

select
    running.budget,
    running.period,
    running.period_start,
    running.budget_usd,
    sum(running.day_usd) as spent_usd,
    round(100.0 * sum(running.day_usd) / nullif(running.budget_usd, 0), 1) as used_percent,
    coalesce(sum(running.day_usd) > running.budget_usd, false) as is_passed,
    min(case when running.usd_so_far > running.budget_usd then running.day end) as passed_on,
    min(models.model) as costliest_model,
    sum(running.calls) as calls,
    sum(running.priced_calls) as calls_with_cost
from running
inner join models
    on running.budget = models.budget
    and running.period = models.period
    and running.period_start = models.period_start
    and models.place = 1
group by running.budget, running.period, running.period_start, running.budget_usd
