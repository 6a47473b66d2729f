-- A row for each budget and each day, week or month of the log, also those in which nothing was spent: how much of it is
-- used, on which day it was passed, where it will end at this pace, and the model that took most. What was spent is known
-- only of calls_with_cost of the calls.
with span as (
    {{ log_span() }}
),

budgets as (
    {{ budget_rows() }}
),

days as (
    select {{ later('span.first_day', 'numbers.n') }} as day, span.known_until, span.first_day
    from span
    inner join ({{ numbers() }}) as numbers
        on {{ later('span.first_day', 'numbers.n') }} <= span.last_day
        or {{ later('span.first_day', 'numbers.n') }} <= cast(span.known_until as date)
),

periods as (
    select distinct
        budgets.*,
        {{ period_start('budgets.period', 'days.day') }} as period_start,
        days.known_until,
        days.first_day
    from budgets
    cross join days
),

spent as (
    select
        budgets.budget,
        {{ period_start('budgets.period', 'usage.day') }} as period_start,
        budgets.budget_usd,
        usage.day,
        usage.model,
        usage.calls,
        usage.priced_calls,
        usage.cost_usd
    from budgets
    inner join {{ ref('kore_llm_usage_daily') }} as usage
        on (budgets.model is null or budgets.model = usage.model)
        and (budgets.feature is null or budgets.feature = usage.feature)
        and (budgets.bot_id is null or budgets.bot_id = usage.bot_id)
    where usage.day is not null
),

running as (
    select
        *,
        sum(coalesce(day_usd, 0)) over (
            partition by budget, period_start order by day rows between unbounded preceding and current row
        ) as usd_so_far
    from (
        select budget, period_start, budget_usd, day, sum(cost_usd) as day_usd, sum(calls) as calls,
            sum(priced_calls) as priced_calls
        from spent
        group by budget, period_start, budget_usd, day
    ) as by_day
),

used as (
    select
        budget,
        period_start,
        sum(day_usd) as spent_usd,
        min(case when usd_so_far > budget_usd then day end) as passed_on,
        sum(calls) as calls,
        sum(priced_calls) as priced_calls
    from running
    group by budget, period_start
),

models as (
    select
        budget,
        period_start,
        model,
        row_number() over (partition by budget, period_start order by coalesce(sum(cost_usd), -1) desc, model) as place
    from spent
    group by budget, period_start, model
),

told as (
    select
        periods.*,
        case periods.period
            when 'day' then {{ later('periods.period_start', 1) }}
            when 'week' then {{ later('periods.period_start', 7) }}
            else {{ later('periods.period_start', 1, 'month') }}
        end as period_end,
        -- Nothing was called: nothing was spent. Calls of which no cost is known: not known.
        case when used.calls is null then 0 else used.spent_usd end as spent_usd,
        used.passed_on,
        models.model as costliest_model,
        coalesce(used.calls, 0) as calls,
        coalesce(used.priced_calls, 0) as calls_with_cost
    from periods
    left join used on periods.budget = used.budget and periods.period_start = used.period_start
    left join models
        on periods.budget = models.budget and periods.period_start = models.period_start and models.place = 1
),

paced as (
    select
        *,
        {{ elapsed_percent('period_start', 'period_end') }} as elapsed_percent
    from told
)

select
    budget,
    period,
    period_start,
    period_end,
    budget_usd,
    spent_usd,
    round(100.0 * spent_usd / nullif(budget_usd, 0), 1) as used_percent,
    coalesce(spent_usd > budget_usd, false) as is_passed,
    passed_on,
    costliest_model,
    calls,
    calls_with_cost,
    round(cast(elapsed_percent as {{ dbt.type_numeric() }}), 1) as elapsed_percent,
    -- Spending as until now: null in the first hundredth of a period, from which nothing can be told.
    {{ forecast('spent_usd', 'elapsed_percent') }} as forecast_usd,
    coalesce({{ forecast('spent_usd', 'elapsed_percent') }} > budget_usd, false) as is_going_to_pass
from paced
