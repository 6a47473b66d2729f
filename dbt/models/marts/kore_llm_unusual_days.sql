-- Days that are out of line: cost or failures beyond their usual band, which is that of the 28 days before, where at least 7
-- of them have calls: three times the distance between the quarters beyond the quarters, and no narrower than a fifth of the
-- median (cost) or 5 points (failures).
with days as (
    select day, calls, failures, failed_percent, cost_usd, {{ moment(later('day', 1)) }} as day_end
    from {{ ref('kore_llm_usage_by_day') }}
    where day is not null
),

quarters as (
    select
        days.day,
        count(*) as days_before,
        {% for name, column in {'usd': 'cost_usd', 'failed': 'failed_percent'}.items() -%}
        {% for part, fraction in {'low': 0.25, 'mid': 0.5, 'high': 0.75}.items() -%}
        {{ percentile('cast(earlier.' ~ column ~ ' as ' ~ kore_llm_logs.type_double() ~ ')', fraction) }} as {{ name }}_{{ part }}{{ ',' if not (name == 'failed' and loop.last) }}
        {% endfor -%}
        {% endfor %}
    from days
    inner join days as earlier
        on earlier.day < days.day and earlier.day >= {{ later('days.day', -28) }}
    group by days.day
),

bands as (
    select
        days.*,
        case when quarters.days_before >= 7 then quarters.usd_mid end as usual_usd,
        case when quarters.days_before >= 7 then quarters.usd_low - {{ wider('usd', '0.2 * quarters.usd_mid') }} end as usual_usd_from,
        case when quarters.days_before >= 7 then quarters.usd_high + {{ wider('usd', '0.2 * quarters.usd_mid') }} end as usual_usd_to,
        case when quarters.days_before >= 7 then quarters.failed_mid end as usual_failed_percent,
        case when quarters.days_before >= 7 then quarters.failed_high + {{ wider('failed', '5') }} end as usual_failed_percent_to,
        span.known_until >= days.day_end as is_over
    from days
    left join quarters on days.day = quarters.day
    cross join ({{ log_span() }}) as span
)

select
    day,
    is_over,
    calls,
    failures,
    failed_percent,
    usual_failed_percent,
    usual_failed_percent_to,
    coalesce(failed_percent > usual_failed_percent_to, false) as is_failing_more,
    cost_usd,
    usual_usd,
    case when usual_usd_from > 0 then usual_usd_from when usual_usd_from is not null then 0 end as usual_usd_from,
    usual_usd_to,
    coalesce(cost_usd > usual_usd_to, false) as is_costlier,
    coalesce(is_over and cost_usd < usual_usd_from, false) as is_cheaper
from bands
