-- How many tokens did each day take, and how many of its calls failed?
SELECT
    CAST(coalesce(end_date, start_date) AS DATE) AS day,
    count(*) AS calls,
    sum(request_tokens) AS request_tokens,
    sum(response_tokens) AS response_tokens,
    round(100.0 * count(*) FILTER (WHERE status = 'Failure') / count(*), 1) AS failed_percent
FROM llm_usage_logs
GROUP BY day
ORDER BY day;
