-- How many rows does each bot have, and from when to when?
SELECT
    bot_id,
    count(*) AS calls,
    min(coalesce(end_date, start_date)) AS first_call,
    max(coalesce(end_date, start_date)) AS last_call
FROM llm_usage_logs
GROUP BY bot_id
ORDER BY bot_id;
