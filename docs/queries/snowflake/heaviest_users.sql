-- Which 20 users take the most tokens?
-- tokens_percent: its part of all tokens of the table.
WITH sums AS (
    SELECT
        coalesce(user_id, '(none)') AS user_id,
        count(*) AS calls,
        count(total_tokens) AS calls_with_tokens,
        sum(total_tokens) AS total_tokens,
        round(100 * count_if(status = 'Failure') / count(*), 1) AS failed_percent
    FROM llm_usage_logs
    GROUP BY 1
)
SELECT
    user_id,
    calls,
    calls_with_tokens,
    total_tokens,
    round(100 * total_tokens / nullif(sum(total_tokens) OVER (), 0), 1) AS tokens_percent,
    failed_percent
FROM sums
ORDER BY total_tokens DESC NULLS LAST, calls DESC, user_id
LIMIT 20;
