-- Conversations, the heaviest first. Calls without a session are one row for each bot.
{{ kore_llm_logs.heaviest(['bot_id', 'session_id'], whole=false, more=[
    'min(ended_at) as first_call_at', 'max(ended_at) as last_call_at',
]) }}
