{# What a group of calls took. A sum covers the calls that have a count or a cost, and the columns beside it say how many
   have none: nothing that is not known is taken for zero. #}
{% macro usage_columns() %}
    count(*) as calls,
    sum(case when is_failure then 1 else 0 end) as failures,
    round(100.0 * sum(case when is_failure then 1 else 0 end) / count(*), 1) as failed_percent,
    cast(sum(request_tokens) as {{ dbt.type_bigint() }}) as request_tokens,
    cast(sum(response_tokens) as {{ dbt.type_bigint() }}) as response_tokens,
    cast(sum(total_tokens) as {{ dbt.type_bigint() }}) as total_tokens,
    cast(sum(cached_tokens) as {{ dbt.type_bigint() }}) as cached_tokens,
    cast(sum(cache_write_tokens) as {{ dbt.type_bigint() }}) as cache_write_tokens,
    cast(sum(reasoning_tokens) as {{ dbt.type_bigint() }}) as reasoning_tokens,
    count(total_tokens) as calls_with_total_tokens,
    sum(case when has_tokens then 0 else 1 end) as calls_without_tokens,
    sum(case when has_price then 0 else 1 end) as calls_without_price,
    count(cost_usd) as priced_calls,
    sum(cost_usd) as cost_usd,
    sum(list_cost_usd) as list_cost_usd,
    count(time_taken_ms) as timed_calls,
    {% for percent in (50, 95, 99) -%}
    round({{ percentile('time_taken_ms', percent / 100) }}) as p{{ percent }}_ms,
    {% endfor -%}
    max(time_taken_ms) as max_ms
{% endmacro %}

{# One row for each combination of the columns. #}
{% macro usage_by(columns) %}
select
    {{ columns | join(', ') }},
    {{ kore_llm_logs.usage_columns() }}
from {{ ref('kore_llm_calls') }}
group by {{ columns | join(', ') }}
{% endmacro %}

{# The same, the heaviest first: what part of all tokens, and which place. #}
{% macro heaviest(columns) %}
with usage as (
    {{ kore_llm_logs.usage_by(columns) }}
)

select
    *,
    round(100.0 * total_tokens / nullif(sum(total_tokens) over (), 0), 1) as tokens_percent,
    row_number() over (
        order by coalesce(total_tokens, -1) desc, calls desc, {{ columns | join(', ') }}
    ) as place
from usage
{% endmacro %}
