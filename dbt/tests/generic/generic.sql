{# Numbers that are known are not below 0. #}
{% test not_negative(model, columns) %}
select {{ columns | join(', ') }} from {{ model }} where {{ columns | join(' < 0 or ') }} < 0
{% endtest %}

{# No two rows agree in all of the columns. #}
{% test no_repeats(model, columns) %}
select {{ columns | join(', ') }} from {{ model }} group by {{ columns | join(', ') }} having count(*) > 1
{% endtest %}

{# The ids of the stream's tables and of the model are the same. What arrived while dbt runs is left out. #}
{% test same_ids(model) %}
select there.id as in_source, here.id as in_model
from (
    {%- for table in kore_llm_logs.source_tables().values() %}
    {%- set columns = kore_llm_logs.table_columns(table) %}
    select distinct {{ columns.get('id', {'sql': 'id'}).sql }} as id from {{ table }}
    where {{ kore_llm_logs.arrived_at(columns) }} is null
        or {{ kore_llm_logs.arrived_at(columns) }} <= {{ kore_llm_logs.moment("'" ~ run_started_at.strftime('%Y-%m-%d %H:%M:%S') ~ "'") }}
        or {{ kore_llm_logs.arrived_at(columns) }} > {{ kore_llm_logs.utc_now() }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
) as there
left join {{ model }} as here on there.id = here.id
where here.id is null
{% endtest %}

{# A value that should be rare is no more than so much of what is known. #}
{% test mostly_not(model, column_name, value, most_percent) %}
select *
from (
    select
        count({{ column_name }}) as known,
        sum(case when {{ column_name }} = '{{ value }}' then 1 else 0 end) as such
    from {{ model }}
) as counts
where 100 * such > {{ most_percent }} * known
{% endtest %}

{# The models, features and bots of the budgets are in the log: a name that is misspelt is never spent on. #}
{% test budgets_are_of_the_log(model) %}
select budgets.budget
from ({{ kore_llm_logs.budget_rows() }}) as budgets
where false
    {%- for name in ('model', 'feature', 'bot_id') %}
    or (
        budgets.{{ name }} is not null
        and not exists (select 1 from {{ ref('kore_llm_usage_daily') }} as usage where usage.{{ name }} = budgets.{{ name }})
    )
    {%- endfor %}
{% endtest %}

{# The sum of a column is that of another model, or, where that has it not, the count of its rows. #}
{% test adds_up(model, to, column) %}
select *
from (
    select
        (select coalesce(sum({{ column }}), 0) from {{ model }}) as found,
        (select {{ 'count(*)' if column == 'log_rows' else 'coalesce(sum(' ~ column ~ '), 0)' }} from {{ to }}) as expected
) as sums
where abs(found - expected) > 0.000001
{% endtest %}

{# The charges are the cost of the calls that have a day, and each says of what, of whom and when. #}
{% test focus_equals_calls(model) %}
select * from (
    select
        (select coalesce(sum({{ adapter.quote('BilledCost') }}), 0) from {{ model }}
         where {% for name in ('ChargePeriodStart', 'ProviderName', 'SkuPriceId') %}{{ adapter.quote(name) }} is not null{{ ' and ' if not loop.last }}{% endfor %}) as found,
        (select coalesce(sum(cost_usd), 0) from {{ ref('kore_llm_calls') }} where day is not null) as expected
) as sums
where abs(found - expected) > 0.000001
{% endtest %}
