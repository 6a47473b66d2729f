{{ kore_llm_logs.usage_by(['day', 'bot_id', 'model', 'feature', 'channel']) }}
