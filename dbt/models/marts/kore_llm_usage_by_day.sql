{{ kore_llm_logs.usage_by(['day']) }}
