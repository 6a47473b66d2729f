{{ kore_llm_logs.heaviest(['provider']) }}
