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

{# No two entries agree in these keys, case aside. #}
{% macro refuse_repeats(variable, keys, what) %}
    {%- set seen = [] -%}
    {%- for entry in var(variable) -%}
        {%- set key = [] -%}
        {%- for name in keys -%}{%- do key.append(entry.get(name, 0 if name == 'prompt_tokens_above') | string | lower | trim) -%}{%- endfor -%}
        {%- if key in seen -%}
            {{ exceptions.raise_compiler_error(variable ~ ': two ' ~ what ~ ' ' ~ entry.get(keys[0])) }}
        {%- endif -%}
        {%- do seen.append(key) -%}
    {%- endfor -%}
{% endmacro %}

{% macro own_price_rows() %}
    {%- set usd = type_price() -%}
    {{- refuse_repeats('kore_llm_own_prices', ['model', 'valid_from', 'prompt_tokens_above'], 'prices from the same day for') -}}
    {{ setting_rows('kore_llm_own_prices', {
        'model': dbt.type_string(), 'valid_from': 'date', 'prompt_tokens_above': type_integer(),
        'input_usd_per_million': usd, 'cache_read_usd_per_million': usd, 'cache_write_usd_per_million': usd,
        'output_usd_per_million': usd, 'reasoning_usd_per_million': usd,
    }, ['model', 'input_usd_per_million', 'output_usd_per_million']) }}
{% endmacro %}

{% macro budget_rows() %}
    {%- for entry in var('kore_llm_budgets') if entry.get('period') not in ('day', 'week', 'month') -%}
        {{ exceptions.raise_compiler_error('kore_llm_budgets: `period` is day, week or month, not ' ~ entry.get('period')) }}
    {%- endfor -%}
    {{- refuse_repeats('kore_llm_budgets', ['budget'], 'budgets of the name') -}}
    {{ setting_rows('kore_llm_budgets', {
        'budget': dbt.type_string(), 'period': dbt.type_string(), 'budget_usd': type_usd(),
        'model': dbt.type_string(), 'feature': dbt.type_string(), 'bot_id': dbt.type_string(),
    }, ['budget', 'period', 'budget_usd']) }}
{% endmacro %}

{# What a name in the log is called in the price list: your own aliases, then the seed's. #}
{% macro alias_rows() %}
    select {{ price_key('alias') }} as alias_key, {{ price_key('model') }} as target_key, provider, 0 as form
    from ({{ setting_rows('kore_llm_model_aliases', {
        'alias': dbt.type_string(), 'model': dbt.type_string(), 'provider': dbt.type_string(),
    }, ['alias', 'model']) }}) as own_aliases

    union all

    select {{ price_key('alias') }} as alias_key, {{ price_key('model') }} as target_key,
        cast(provider as {{ dbt.type_string() }}) as provider, 2 as form
    from {{ ref('kore_llm_model_aliases') }}
{% endmacro %}

{# The table of public prices: the package's seed, or the model, seed or table (with a dot) that you name. #}
{% macro public_prices() %}
    {%- set table = var('kore_llm_public_prices') -%}
    {{- table if '.' in table else ref(table) -}}
{% endmacro %}
