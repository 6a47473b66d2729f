-- Which 20 tasks (dialogs) take the most tokens? The log has no name for a task: one of its descriptions stands for it.
-- tokens_percent: its part of all tokens of the table.
WITH sums AS (
    SELECT
        coalesce(task_id, '(none)') AS task_id,
        bot_id,
        min(description) AS example_description,
        count(*) AS calls,
        count(total_tokens) AS calls_with_tokens,
        sum(total_tokens) AS total_tokens,
        round(100 * count_if(status = 'Failure') / count(*), 1) AS failed_percent
    FROM llm_usage_logs
    GROUP BY 1, 2
)
SELECT
    task_id,
    bot_id,
    example_description,
    calls,
    calls_with_tokens,
    total_tokens,
    round(100 * total_tokens / nullif(sum(total_tokens) OVER (), 0), 1) AS tokens_percent,
    failed_percent
FROM sums
ORDER BY total_tokens DESC NULLS LAST, calls DESC, task_id, bot_id
LIMIT 20;
