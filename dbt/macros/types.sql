{# What warehouses disagree about, a macro each. Everything else in this package is plain SQL or dbt's own macros. #}

{# US dollars: exact to twelve places, as tokens times a price per million tokens are. #}
{% macro type_usd() %}{{ return(adapter.dispatch('type_usd', 'kore_llm_logs')()) }}{% endmacro %}
{% macro default__type_usd() %}numeric(28, 12){% endmacro %}
{% macro bigquery__type_usd() %}bignumeric{% endmacro %}

{# A moment as the warehouse's timestamp in UTC, without a time zone of its own where there is such a type.
   `value` is SQL, `type` the warehouse's name for its type. #}
{% macro utc_timestamp(value, type) %}{{ return(adapter.dispatch('utc_timestamp', 'kore_llm_logs')(value, type | lower)) }}{% endmacro %}

{% macro default__utc_timestamp(value, type) %}
    {%- if 'with time zone' in type or type == 'timestamptz' -%} {{ value }} at time zone 'UTC'
    {%- elif 'char' in type or 'text' in type -%} cast({{ value }} as timestamp with time zone) at time zone 'UTC'
    {%- else -%} cast({{ value }} as timestamp)
    {%- endif -%}
{% endmacro %}

{# Whatever time zone the session is in: DuckDB's casts of a moment with a zone depend on it. #}
{% macro duckdb__utc_timestamp(value, type) %}
    {%- if 'with time zone' in type -%} make_timestamp(epoch_us({{ value }})) {%- else -%} cast({{ value }} as timestamp) {%- endif -%}
{% endmacro %}

{% macro snowflake__utc_timestamp(value, type) %}
    {%- if 'ntz' in type -%} {{ value }}
    {%- elif 'char' in type or 'text' in type -%} cast(convert_timezone('UTC', to_timestamp_tz({{ value }})) as timestamp_ntz)
    {%- else -%} cast(convert_timezone('UTC', {{ value }}) as timestamp_ntz)
    {%- endif -%}
{% endmacro %}

{% macro bigquery__utc_timestamp(value, type) %}cast({{ value }} as timestamp){% endmacro %}

{# One key of a JSON object as text, null where the value is no object. #}
{% macro json_text(value, type, key) %}{{ return(adapter.dispatch('json_text', 'kore_llm_logs')(value, type | lower, key)) }}{% endmacro %}
{# `json` checks the form only, so that an escaped U+0000 in a prompt, which `jsonb` refuses, stops nothing. #}
{% macro default__json_text(value, type, key) %}cast({{ value }} as json) ->> '{{ key }}'{% endmacro %}
{% macro duckdb__json_text(value, type, key) %}json_extract_string(try_cast({{ value }} as json), '$.{{ key }}'){% endmacro %}
{% macro bigquery__json_text(value, type, key) %}json_value({{ value }}, '$.{{ key }}'){% endmacro %}
{% macro snowflake__json_text(value, type, key) %}
    {%- set json = 'try_parse_json(' ~ value ~ ')' if 'char' in type or 'text' in type else value -%}
    {{ json }}:{{ key }}::varchar
{%- endmacro %}

{# A percentile of the group, between the two nearest ranks; BigQuery has only an estimate of it. #}
{% macro percentile(column, fraction) %}{{ return(adapter.dispatch('percentile', 'kore_llm_logs')(column, fraction)) }}{% endmacro %}
{% macro default__percentile(column, fraction) %}percentile_cont({{ fraction }}) within group (order by {{ column }}){% endmacro %}
{% macro bigquery__percentile(column, fraction) %}approx_quantiles({{ column }}, 1000)[offset({{ (fraction * 1000) | int }})]{% endmacro %}

{# The Monday of a day's week. date_trunc('week') begins on another day in BigQuery, and in Snowflake wherever somebody set it so. #}
{% macro monday(day) %}
    {%- set days = "mod(" ~ dbt.datediff("cast('1970-01-05' as date)", day, 'day') ~ ", 7)" -%}
    cast({{ dbt.dateadd('day', '-1 * ' ~ days, day) }} as date)
{%- endmacro %}

{# The name by which models are compared: `Azure/GPT-4o mini` and `gpt-4o-mini` are one. refresh_prices.py does the same. #}
{% macro price_key(name) %}lower(regexp_replace(trim(regexp_replace({{ name }}, '^.*/', '')), '[ ._@]', '-'{{ ", 'g'" if target.type in ('postgres', 'duckdb') }})){% endmacro %}
