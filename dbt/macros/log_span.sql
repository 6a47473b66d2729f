{# One row: the first and the last day with a call, and up to when the log is here. That is the last arrival, not in the
   future; the last call where arrivals are not told. #}
{% macro log_span() %}
    select
        min(day) as first_day,
        max(day) as last_day,
        coalesce(
            max(case when arrived_at <= {{ kore_llm_logs.utc_now() }} then arrived_at end),
            max(ended_at)
        ) as known_until
    from {{ ref('kore_llm_calls') }}
{% endmacro %}

{# Whole numbers from 0 to 9,999, in a column n. #}
{% macro numbers() %}
    {%- set digits -%}
        (select 0 as digit{% for digit in range(1, 10) %} union all select {{ digit }}{% endfor %})
    {%- endset -%}
    select ones.digit + 10 * tens.digit + 100 * hundreds.digit + 1000 * thousands.digit as n
    from {{ digits }} as ones
    cross join {{ digits }} as tens
    cross join {{ digits }} as hundreds
    cross join {{ digits }} as thousands
{% endmacro %}

{% macro period_start(period, day) %}
    case {{ period }}
        when 'day' then {{ day }}
        when 'week' then {{ kore_llm_logs.monday(day) }}
        else cast({{ dbt.date_trunc('month', day) }} as date)
    end
{% endmacro %}

{# How much of a period is over, of what the log can have of it: its first period may begin before the log. Needs columns
   first_day and known_until. #}
{% macro elapsed_percent(start, end) %}
    {%- set from = 'case when first_day > ' ~ start ~ ' then ' ~ kore_llm_logs.moment('first_day') ~ ' else ' ~ kore_llm_logs.moment(start) ~ ' end' -%}
    case
        when known_until >= {{ kore_llm_logs.moment(end) }} then 100.0
        when known_until <= {{ from }} then 0.0
        else 100.0 * {{ kore_llm_logs.days_between(from, 'known_until') }} / ({{ kore_llm_logs.days_between(from, kore_llm_logs.moment(end)) }})
    end
{% endmacro %}

{% macro forecast(usd, percent) %}
    case when {{ percent }} >= 1 then cast(
        cast({{ usd }} as {{ kore_llm_logs.type_double() }}) * 100 / cast({{ percent }} as {{ kore_llm_logs.type_double() }})
        as {{ dbt.type_numeric() }}
    ) end
{%- endmacro %}

{# Three times the distance between the quarters, or so much if that is more. #}
{% macro wider(name, least) %}
    {%- set distance = '3 * (quarters.' ~ name ~ '_high - quarters.' ~ name ~ '_low)' -%}
    case when {{ distance }} > {{ least }} then {{ distance }} else {{ least }} end
{%- endmacro %}
