{# The stream's columns: what other programs rely on. Each name with its kind. #}
{% macro stream_columns() %}
    {{ return({
        'id': 'string', 'bot_id': 'string', 'session_id': 'string', 'user_id': 'string', 'task_id': 'string',
        'channel_name': 'string', 'feature_name': 'string', 'prompt_name': 'string', 'integration': 'string',
        'provider': 'string', 'model_name': 'string', 'description': 'string', 'status': 'string',
        'status_code': 'integer', 'error_type': 'string', 'error_message': 'string', 'start_date': 'timestamp',
        'end_date': 'timestamp', 'time_taken_ms': 'integer', 'request_tokens': 'integer', 'response_tokens': 'integer',
        'total_tokens': 'integer', 'cached_tokens': 'integer', 'cache_write_tokens': 'integer',
        'reasoning_tokens': 'integer', 'request_model': 'string', 'response_model': 'string', 'response_id': 'string',
        'finish_reason': 'string', 'temperature': 'number', 'top_p': 'number', 'max_tokens': 'integer',
        'frequency_penalty': 'number', 'presence_penalty': 'number',
    }) }}
{% endmacro %}

{# The columns that the table really has: name in lower case -> {'sql': the quoted name, 'type': the warehouse's type}.
   A destination may have left one out: dlt makes no column that was always null, and older versions of the connector
   did not have them all. #}
{% macro table_columns(relation) %}
    {%- set found = {} -%}
    {%- if not var('kore_llm_introspect') -%}
        {%- set names = (stream_columns().keys() | list)
            + ['request_payload', 'response_payload', 'additional_columns', '_airbyte_extracted_at', '_airbyte_meta'] -%}
        {%- for name in names -%}
            {%- do found.update({name: {'sql': name, 'type': 'timestamp with time zone' if name.endswith(('_date', '_at')) else ''}}) -%}
        {%- endfor -%}
    {%- elif execute -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {%- do found.update({column.name | lower: {'sql': adapter.quote(column.name), 'type': column.dtype}}) -%}
        {%- endfor -%}
        {%- if 'id' not in found -%}
            {{ exceptions.raise_compiler_error('No column `id` in ' ~ relation ~ '. Is this the table of the stream '
                ~ 'llm_usage_logs? The variables kore_llm_logs_database, kore_llm_logs_schema and kore_llm_logs_table say where it is.') }}
        {%- endif -%}
    {%- endif -%}
    {{ return(found) }}
{% endmacro %}

{# One column of the stream in its one type, null where the table has it not. #}
{% macro typed_column(columns, name, kind) %}
    {%- set column = columns.get(name) -%}
    {%- if not column -%} cast(null as {{ type_of(kind) }})
    {%- elif kind == 'timestamp' -%} {{ utc_timestamp(column.sql, column.type) }}
    {%- else -%} cast({{ column.sql }} as {{ type_of(kind) }})
    {%- endif -%}
{%- endmacro %}

{% macro type_of(kind) %}
    {{- {'string': dbt.type_string(), 'integer': type_integer(), 'number': type_double(), 'timestamp': dbt.type_timestamp()}[kind] -}}
{% endmacro %}

{# A key of a payload. Where dlt took the objects apart, it is a column of its own, `request_payload__scanner`. #}
{% macro payload_text(columns, payload, key) %}
    {%- set whole, part = columns.get(payload), columns.get(payload ~ '__' ~ key) -%}
    {%- if part -%} lower(cast({{ part.sql }} as {{ dbt.type_string() }}))
    {%- elif whole -%} {{ json_text(whole.sql, whole.type, key) }}
    {%- else -%} cast(null as {{ dbt.type_string() }})
    {%- endif -%}
{%- endmacro %}

{# What a guardrail's scanner is called, null where the row is a call of a model: that has tokens, or another payload. Where the
   payload was redacted, the name of the feature tells (`Guardrails - LLM Input`). #}
{% macro guardrail_scanner(columns) %}
    case when coalesce(
        {%- for name in ('total_tokens', 'request_tokens', 'response_tokens') %} {{ typed_column(columns, name, 'integer') }}{{ ',' if not loop.last }}{% endfor -%}
    ) is null then coalesce(
        {{ payload_text(columns, 'request_payload', 'scanner') }},
        case when lower({{ typed_column(columns, 'feature_name', 'string') }}) like 'guardrail%' then '(none)' end
    ) end
{%- endmacro %}

{# What a scan looked at, by its payload or else by the name of its feature. #}
{% macro guardrail_scanned(columns) %}
    {%- set feature = 'lower(' ~ typed_column(columns, 'feature_name', 'string') ~ ')' -%}
    coalesce(
        {{ payload_text(columns, 'request_payload', 'req_type') }},
        case when {{ feature }} like '%input' then 'request' when {{ feature }} like '%output' then 'response' end
    )
{%- endmacro %}

{# When a row reached the table, in UTC: Airbyte and PyAirbyte, Airbyte before version 2 of its destinations, dlt. #}
{% macro arrived_at(columns) %}
    {%- set airbyte = columns.get('_airbyte_extracted_at') or columns.get('_airbyte_emitted_at') -%}
    {%- if airbyte -%} {{ utc_timestamp(airbyte.sql, airbyte.type) }}
    {%- elif '_dlt_load_id' in columns -%}
        {%- set seconds = 'cast(cast(' ~ columns['_dlt_load_id'].sql ~ ' as numeric) as ' ~ dbt.type_int() ~ ')' -%}
        {%- set epoch = "cast('1970-01-01' as " ~ dbt.type_timestamp() ~ ')' %}
        cast({{ dbt.dateadd('second', seconds, epoch) }} as {{ dbt.type_timestamp() }})
    {%- else -%} cast(null as {{ dbt.type_timestamp() }})
    {%- endif -%}
{%- endmacro %}

{# How many milliseconds the first token took, where the platform tells: a column that the connector has no own for. #}
{% macro time_to_first_token(columns) %}
    {%- set texts = [] -%}
    {%- for key in ('TTFT', 'Time To First Token', 'Time to First Token', 'timeToFirstToken') -%}
        {%- set flat = columns.get('additional_columns__' ~ {'timeToFirstToken': 'time_to_first_token'}.get(key, key | lower | replace(' ', '_'))) -%}
        {%- if flat -%}{%- do texts.append('cast(' ~ flat.sql ~ ' as ' ~ dbt.type_string() ~ ')') -%}
        {%- elif 'additional_columns' in columns -%}{%- do texts.append(json_text(columns['additional_columns'].sql, columns['additional_columns'].type, key)) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if texts -%} {{ number_or_null('coalesce(' ~ texts | join(', ') ~ ')') }}
    {%- else -%} cast(null as {{ dbt.type_numeric() }})
    {%- endif -%}
{%- endmacro %}

{# What the destination calls the sync that wrote a row, if it tells. #}
{% macro sync_id(columns) %}
    {%- set meta, load = columns.get('_airbyte_meta'), columns.get('_dlt_load_id') -%}
    {%- if meta -%} {{ json_text(meta.sql, meta.type, 'sync_id') }}
    {%- elif load -%} cast({{ load.sql }} as {{ dbt.type_string() }})
    {%- else -%} cast(null as {{ dbt.type_string() }})
    {%- endif -%}
{%- endmacro %}

{# The tables of the stream, one for each of the schemas: name of the schema -> table. #}
{% macro source_tables() %}
    {%- set table, found = source('kore_llm_logs', 'llm_usage_logs'), {} -%}
    {%- for schema in var('kore_llm_logs_schemas') or [table.schema] -%}
        {%- do found.update({schema: table.incorporate(path={'schema': schema})}) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}

{# For an incremental run: the rows that it has to read, those that are not here or came again since. Which they are is asked
   first, of ids and arrivals alone, so that the answer is a literal: partitions are pruned by it, and payloads are read of
   new rows only. It rests on no clock: a stamp that is late, null or in the future loses nothing. #}
{% macro only_what_is_new(table, columns) %}
    {%- set arrival = arrived_at(columns) -%}
    {%- if var('kore_llm_introspect') and execute and is_incremental() and 'null' not in arrival -%}
        {%- set asked %}
            select cast(min(there.arrived_at) as {{ dbt.type_string() }})
            from (select {{ columns['id'].sql }} as id, {{ arrival }} as arrived_at from {{ table }}) as there
            left join {{ this }} as here on there.id = here.id
            where here.id is null or here.arrived_at is null or there.arrived_at > here.arrived_at
        {% endset -%}
        {%- set first = run_query(asked).columns[0][0] %}
    where {{ arrival }} is null
        {%- if first %} or {{ arrival }} >= cast('{{ first }}' as {{ dbt.type_timestamp() }}) {%- endif -%}
    {%- endif -%}
{% endmacro %}
