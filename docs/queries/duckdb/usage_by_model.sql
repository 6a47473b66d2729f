-- Which models are used, what do they take, and how often do they fail?
-- A sum of tokens covers the calls_with_tokens only: for the others none were counted.
SELECT
    coalesce(model_name, '(none)') AS model,
    count(*) AS calls,
    count(total_tokens) AS calls_with_tokens,
    sum(request_tokens) AS request_tokens,
    sum(response_tokens) AS response_tokens,
    sum(total_tokens) AS total_tokens,
    count(*) FILTER (WHERE status = 'Failure') AS failures,
    round(100.0 * count(*) FILTER (WHERE status = 'Failure') / count(*), 1) AS failed_percent
FROM llm_usage_logs
GROUP BY model
ORDER BY calls DESC, model;
