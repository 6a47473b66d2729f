-- The log has no name for a task: one of its descriptions stands for it.
{{ kore_llm_logs.heaviest(['bot_id', 'task_id'], more=['min(description) as example_description']) }}
