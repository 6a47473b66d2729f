-- The stream's table, each row once and each column in one type, whatever destination wrote it. Prompts and answers stay there.
-- The one incremental model: a run reads what arrived since the last one, and a little before (kore_llm_lookback_hours).
-- It goes by the arrival of a row, not by its end date: a bot that was added later brings old rows.
{{ config(unique_key='id', on_schema_change='append_new_columns') }}

{%- set table = source('kore_llm_logs', 'llm_usage_logs') -%}
{%- set columns = table_columns(table) -%}
{%- set arrival = arrived_at(columns) -%}
{%- set is_dated = '_airbyte_extracted_at' in columns or '_airbyte_emitted_at' in columns or '_dlt_load_id' in columns %}

with source_rows as (
    select
        {% for name, kind in stream_columns().items() -%}
        {{ typed_column(columns, name, kind) }},
        {% endfor -%}
        {{ payload_text(columns, 'request_payload', 'scanner') }} as guardrail_scanner,
        {{ payload_text(columns, 'request_payload', 'req_type') }} as guardrail_scanned,
        lower({{ payload_text(columns, 'response_payload', 'is_valid') }}) as guardrail_is_valid,
        {{ arrival }} as arrived_at,
        {{ sync_id(columns) }} as sync_id
    from {{ table }}
    {%- if var('kore_llm_introspect') and is_incremental() and is_dated %}
    where {{ arrival }} >= (
        select cast({{ dbt.dateadd('hour', -1 * var('kore_llm_lookback_hours'), 'max(arrived_at)') }} as {{ dbt.type_timestamp() }})
        from {{ this }}
    ) or not exists (select 1 from {{ this }} where arrived_at is not null)
    {%- endif %}
),

numbered as (
    select
        *,
        row_number() over (partition by id order by arrived_at desc, end_date desc) as newest_first
    from source_rows
)

select
    {% for name in stream_columns() -%}
    {{ name }},
    {% endfor -%}
    guardrail_scanner,
    guardrail_scanned,
    guardrail_is_valid,
    arrived_at,
    sync_id
from numbered
where newest_first = 1
