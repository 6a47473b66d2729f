{# The lists that a user writes as variables, as SQL. A mistake in one is an error when the project is read. #}

{% macro setting_rows(variable, columns, required) %}
    {%- set entries = var(variable) -%}
    {%- for entry in entries -%}
        {%- for name in entry if name not in columns -%}
            {{ exceptions.raise_compiler_error(variable ~ ': unknown key `' ~ name ~ '`. Known: ' ~ columns | join(', ')) }}
        {%- endfor -%}
        {%- for name in required if entry.get(name) is none -%}
            {{ exceptions.raise_compiler_error(variable ~ ': `' ~ name ~ '` is missing in ' ~ entry) }}
        {%- endfor %}
    select {% for name, type in columns.items() %}
        cast({{ setting_value(entry.get(name)) }} as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
    {{ 'union all' if not loop.last }}
    {%- else %}
    select {% for name, type in columns.items() %}cast(null as {{ type }}) as {{ name }}{{ ', ' if not loop.last }}{% endfor %} limit 0
    {%- endfor %}
{% endmacro %}

{% macro setting_value(value) %}
    {{- 'null' if value is none else value if value is number else "'" ~ dbt.escape_single_quotes(value | string) ~ "'" -}}
{% endmacro %}

{% macro own_price_rows() %}
    {%- set usd = 'numeric(12, 6)' -%}
    {%- set seen = [] -%}
    {%- for entry in var('kore_llm_own_prices') -%}
        {%- set key = [entry.get('model') | string | lower, entry.get('valid_from') | string, entry.get('prompt_tokens_above', 0)] -%}
        {%- if key in seen -%}
            {{ exceptions.raise_compiler_error('kore_llm_own_prices: two prices for ' ~ entry.get('model') ~ ' from the same day') }}
        {%- endif -%}
        {%- do seen.append(key) -%}
    {%- endfor -%}
    {{ setting_rows('kore_llm_own_prices', {
        'model': dbt.type_string(), 'valid_from': 'date', 'prompt_tokens_above': dbt.type_bigint(),
        'input_usd_per_million': usd, 'cache_read_usd_per_million': usd, 'cache_write_usd_per_million': usd,
        'output_usd_per_million': usd, 'reasoning_usd_per_million': usd,
    }, ['model', 'input_usd_per_million', 'output_usd_per_million']) }}
{% endmacro %}

{% macro budget_rows() %}
    {%- for entry in var('kore_llm_budgets') if entry.get('period') not in ('day', 'week', 'month') -%}
        {{ exceptions.raise_compiler_error('kore_llm_budgets: `period` is day, week or month, not ' ~ entry.get('period')) }}
    {%- endfor -%}
    {{ setting_rows('kore_llm_budgets', {
        'budget': dbt.type_string(), 'period': dbt.type_string(), 'budget_usd': 'numeric(18, 6)',
        'model': dbt.type_string(), 'feature': dbt.type_string(), 'bot_id': dbt.type_string(),
    }, ['budget', 'period', 'budget_usd']) }}
{% endmacro %}
