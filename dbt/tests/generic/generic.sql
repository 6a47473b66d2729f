{# A number within bounds; what is not known is not tested. #}
{% test within(model, column_name, least=none, most=none) %}
select {{ column_name }} from {{ model }}
where {{ (column_name ~ ' < ' ~ least) if least is not none else '1 = 0' }}
    or {{ (column_name ~ ' > ' ~ most) if most is not none else '1 = 0' }}
{% endtest %}

{# No two rows agree in all of the columns. #}
{% test no_repeats(model, columns) %}
select {{ columns | join(', ') }} from {{ model }} group by {{ columns | join(', ') }} having count(*) > 1
{% endtest %}

{# As many rows as another model: a join neither lost nor repeated one. #}
{% test same_count(model, other) %}
select * from (
    select (select count(*) from {{ model }}) as found, (select count(*) from {{ other }}) as expected
) as counts
where found <> expected
{% endtest %}

{# The sum of a column is that of another model. #}
{% test adds_up(model, to, column) %}
select * from (
    select
        (select coalesce(sum({{ column }}), 0) from {{ model }}) as found,
        (select coalesce(sum({{ column }}), 0) from {{ to }}) as expected
) as sums
where abs(found - expected) > 0.000001
{% endtest %}

{# The charges are the cost of the calls that have a day. #}
{% test focus_equals_calls(model) %}
select * from (
    select
        (select coalesce(sum({{ adapter.quote('BilledCost') }}), 0) from {{ model }}) as found,
        (select coalesce(sum(cost_usd), 0) from {{ ref('kore_llm_calls') }} where day is not null) as expected
) as sums
where abs(found - expected) > 0.000001
{% endtest %}
