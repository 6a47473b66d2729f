-- How many tokens does each day (UTC) take, and how many of its calls fail?
-- A sum of tokens covers the calls_with_tokens only: for the others none were counted.
SELECT
    CAST(make_timestamp(epoch_us(coalesce(end_date, start_date))) AS DATE) AS day,
    count(*) AS calls,
    count(total_tokens) AS calls_with_tokens,
    sum(request_tokens) AS request_tokens,
    sum(response_tokens) AS response_tokens,
    sum(total_tokens) AS total_tokens,
    count(*) FILTER (WHERE status = 'Failure') AS failures,
    round(100.0 * count(*) FILTER (WHERE status = 'Failure') / count(*), 1) AS failed_percent
FROM llm_usage_logs
GROUP BY day
ORDER BY day NULLS LAST;
