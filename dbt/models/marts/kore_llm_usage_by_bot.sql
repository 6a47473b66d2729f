{{ kore_llm_logs.heaviest(['bot_id']) }}
