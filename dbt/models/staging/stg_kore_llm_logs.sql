-- The stream's table, each row once and each column in one type, whatever destination wrote it. Prompts and answers stay there.
-- The one incremental model: a run reads what is not here yet. It goes by the arrival of a row, not by its end date: a bot
-- that was added later brings old rows.
{{ config(
    unique_key='id',
    on_schema_change='append_new_columns',
    partition_by={'field': 'end_date', 'data_type': 'timestamp', 'granularity': 'day'} if target.type == 'bigquery' else none,
    cluster_by=['bot_id', 'id'] if target.type == 'bigquery' else none
) }}

{% set columns_out = (stream_columns().keys() | list) + [
    'guardrail_scanner', 'guardrail_scanned', 'guardrail_is_valid', 'time_to_first_token_ms', 'arrived_at', 'sync_id', 'source_relation',
] %}

with source_rows as (
    {%- for schema, table in source_tables().items() %}
    {%- set columns = table_columns(table) %}
    {%- set scanner = guardrail_scanner(columns) %}
    select
        {% for name, kind in stream_columns().items() -%}
        {{ typed_column(columns, name, kind) }} as {{ name }},
        {% endfor -%}
        {{ scanner }} as guardrail_scanner,
        case when {{ scanner }} is not null then {{ guardrail_scanned(columns) }} end as guardrail_scanned,
        case when {{ scanner }} is not null then lower({{ payload_text(columns, 'response_payload', 'is_valid') }}) end
            as guardrail_is_valid,
        {{ time_to_first_token(columns) }} as time_to_first_token_ms,
        {{ arrived_at(columns) }} as arrived_at,
        {{ sync_id(columns) }} as sync_id,
        {{ setting_value(schema) }} as source_relation
    from {{ table }}
    {{- only_what_is_new(table, columns) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

-- Few ids come more than once: only those rows are sorted.
repeated as (
    select id from source_rows group by id having count(*) > 1
),

numbered as (
    select
        source_rows.*,
        row_number() over (
            partition by source_rows.id
            order by
                case when arrived_at is null then 1 else 0 end, arrived_at desc,
                case when end_date is null then 1 else 0 end, end_date desc
        ) as newest_first
    from source_rows
    inner join repeated on source_rows.id = repeated.id
)

select source_rows.*
from source_rows
left join repeated on source_rows.id = repeated.id
where repeated.id is null

union all

select {{ columns_out | join(', ') }}
from numbered
where newest_first = 1
