{{ kore_llm_logs.heaviest(['user_id']) }}
