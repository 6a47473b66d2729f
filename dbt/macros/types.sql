{# What warehouses disagree about, a macro each. Everything else in this package is plain SQL or dbt's own macros. #}

{# US dollars: exact to twelve places, as tokens times a price per million tokens are. #}
{% macro type_usd() %}{{ return(adapter.dispatch('type_usd', 'kore_llm_logs')()) }}{% endmacro %}
{% macro default__type_usd() %}numeric(28, 12){% endmacro %}
{% macro bigquery__type_usd() %}bignumeric{% endmacro %}

{# US dollars for a million tokens. #}
{% macro type_price() %}{{ return('numeric' if target.type == 'bigquery' else 'numeric(18, 9)') }}{% endmacro %}

{# BigQuery knows `bigint` too, but its analyzer does not. #}
{% macro type_integer() %}{{ return('int64' if target.type == 'bigquery' else dbt.type_bigint()) }}{% endmacro %}

{# 64 bits: DuckDB's `float` has 32. #}
{% macro type_double() %}{{ return('double' if target.type == 'duckdb' else dbt.type_float()) }}{% endmacro %}

{# A number that may be written as text, null where it is none. #}
{% macro number_or_null(value) %}{{ return(adapter.dispatch('number_or_null', 'kore_llm_logs')(value)) }}{% endmacro %}
{% macro default__number_or_null(value) %}try_cast({{ value }} as {{ dbt.type_numeric() }}){% endmacro %}
{% macro bigquery__number_or_null(value) %}safe_cast({{ value }} as numeric){% endmacro %}
{% macro postgres__number_or_null(value) %}case when {{ value }} ~ '^[0-9]+([.][0-9]+)?$' then cast({{ value }} as numeric) end{% endmacro %}

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

{# A bare column, so that partitions are pruned by it. #}
{% macro bigquery__utc_timestamp(value, type) %}
    {%- if type.startswith('timestamp') -%} {{ value }} {%- else -%} cast({{ value }} as timestamp) {%- endif -%}
{% endmacro %}

{# One key of a JSON object as text, null where the value is no object. #}
{% macro json_text(value, type, key) %}{{ return(adapter.dispatch('json_text', 'kore_llm_logs')(value, type | lower, key)) }}{% endmacro %}
{# `json` checks the form only, so that an escaped U+0000 in a prompt, which `jsonb` refuses, stops nothing. #}
{% macro default__json_text(value, type, key) %}cast({{ value }} as json) ->> '{{ key }}'{% endmacro %}
{# Looking for the key takes less than parsing a prompt that has it not. #}
{% macro duckdb__json_text(value, type, key) %}
    case when contains(cast({{ value }} as varchar), '"{{ key }}"') then json_extract_string(try_cast({{ value }} as json), '$."{{ key }}"') end
{%- endmacro %}
{% macro bigquery__json_text(value, type, key) %}json_value({{ value }}, '$."{{ key }}"'){% endmacro %}
{% macro snowflake__json_text(value, type, key) %}
    {%- set json = 'try_parse_json(' ~ value ~ ')' if 'char' in type or 'text' in type else value -%}
    {{ json }}:"{{ key }}"::varchar
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

{# Now, as the warehouse's timestamp in UTC. #}
{% macro utc_now() %}{{ return(adapter.dispatch('utc_now', 'kore_llm_logs')()) }}{% endmacro %}
{% macro default__utc_now() %}cast(current_timestamp at time zone 'UTC' as timestamp){% endmacro %}
{% macro bigquery__utc_now() %}current_timestamp(){% endmacro %}
{% macro snowflake__utc_now() %}cast(convert_timezone('UTC', current_timestamp()) as timestamp_ntz){% endmacro %}

{# A day's first moment, and the days between two moments as a fraction. #}
{% macro moment(day) %}cast({{ day }} as {{ dbt.type_timestamp() }}){% endmacro %}
{% macro days_between(start, end) %}{{ dbt.datediff(start, end, 'second') }} / 86400.0{% endmacro %}
{% macro later(day, count, unit='day') %}cast({{ dbt.dateadd(unit, count, day) }} as date){% endmacro %}
