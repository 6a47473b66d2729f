{{ config(
    partition_by={'field': 'day', 'data_type': 'date'} if target.type == 'bigquery' else none,
    cluster_by=['bot_id', 'model'] if target.type == 'bigquery' else none
) }}
{{ kore_llm_logs.usage_by(['day', 'bot_id', 'model', 'feature', 'channel']) }}
