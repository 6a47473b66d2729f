{# The kinds of tokens that have a price of their own. #}
{% macro price_kinds() %}{{ return(('input', 'cache_read', 'cache_write', 'output', 'reasoning')) }}{% endmacro %}

{# Tokens times a price for a million of them. #}
{% macro usd(value) %}cast(cast({{ value }} as {{ type_usd() }}) / 1000000 as {{ type_usd() }}){% endmacro %}

{# What a call costs, by the names of the columns that have the prices; needs the tokens of each kind. #}
{% macro cost_at(before, after) %}
    {%- set parts = [] -%}
    {%- for kind in price_kinds() -%}
        {%- do parts.append(('reasoning_part' if kind == 'reasoning' else kind) ~ ' * ' ~ before ~ kind ~ after) -%}
    {%- endfor -%}
    {{ usd(parts | join(' + ')) }}
{%- endmacro %}

{# Kore.ai documents Success and Failure; other words are taken for what they say. #}
{% macro is_failure() %}
    case
        when lower(status) in ('success', 'succeeded', 'ok', 'completed') then false
        {%- for word in ('fail', 'error', 'time%out', 'timed%out', 'exception', 'reject', 'abort', 'cancel', 'denied', 'blocked', 'throttl', 'unavailable', 'invalid', 'unsuccessful') %}
        when lower(status) like '%{{ word }}%' then true
        {%- endfor %}
        else coalesce(status is null and (status_code >= 400 or error_type is not null), false)
    end
{%- endmacro %}

{# What a group of calls took. A sum covers the calls that have a count or a cost, and the columns beside it say how many
   have none: nothing that is not known is taken for zero. `whole` is false for groups that are many: the main columns. #}
{% macro usage_columns(whole=true) %}
    count(*) as calls,
    sum(case when is_failure then 1 else 0 end) as failures,
    round(100.0 * sum(case when is_failure then 1 else 0 end) / count(*), 1) as failed_percent,
    {% for name in ('request', 'response', 'total') + (('cached', 'cache_write', 'reasoning') if whole else ()) -%}
    cast(sum({{ name }}_tokens) as {{ kore_llm_logs.type_integer() }}) as {{ name }}_tokens,
    {% endfor -%}
    {% if whole -%}
    count(total_tokens) as calls_with_total_tokens,
    sum(case when has_tokens then 0 else 1 end) as calls_without_tokens,
    sum(case when has_price then 0 else 1 end) as calls_without_price,
    sum(case when price_matched_by = 'model_name' then 1 else 0 end) as calls_priced_by_name,
    sum(list_cost_usd) as list_cost_usd,
    sum(cache_saved_usd) as cache_saved_usd,
    count(time_taken_ms) as timed_calls,
    {% for percent in (50, 95, 99) -%}
    round({{ kore_llm_logs.percentile('time_taken_ms', percent / 100) }}) as p{{ percent }}_ms,
    {% endfor -%}
    round({{ kore_llm_logs.percentile('time_to_first_token_ms', 0.5) }}) as p50_first_token_ms,
    {% endif -%}
    count(cost_usd) as priced_calls,
    sum(cost_usd) as cost_usd,
    max(time_taken_ms) as max_ms
{% endmacro %}

{# One row for each combination of the columns. #}
{% macro usage_by(columns, whole=true, more=[]) %}
select
    {{ columns | join(', ') }},
    {% for expression in more -%}
    {{ expression }},
    {% endfor -%}
    {{ kore_llm_logs.usage_columns(whole) }}
from {{ ref('kore_llm_calls') }}
group by {{ columns | join(', ') }}
{% endmacro %}

{# The same, the heaviest first: what part of all tokens, and which place. #}
{% macro heaviest(columns, more=[]) %}
with usage as (
    {{ kore_llm_logs.usage_by(columns, more=more) }}
)

select
    *,
    round(100.0 * total_tokens / nullif(sum(total_tokens) over (), 0), 1) as tokens_percent,
    row_number() over (
        order by coalesce(total_tokens, -1) desc, calls desc, {{ columns | join(', ') }}
    ) as place
from usage
{% endmacro %}
