-- Conversations, which are many: only the main columns, in no order. Calls without a session are one row for each bot.
{{ kore_llm_logs.usage_by(['bot_id', 'session_id'], whole=false, more=[
    'min(ended_at) as first_call_at', 'max(ended_at) as last_call_at',
]) }}
