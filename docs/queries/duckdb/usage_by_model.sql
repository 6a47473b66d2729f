-- Which models are used, what do they take, and how often do they fail?
SELECT
    coalesce(model_name, '(none)') AS model,
    count(*) AS calls,
    sum(request_tokens) AS request_tokens,
    sum(response_tokens) AS response_tokens,
    round(100.0 * count(*) FILTER (WHERE status = 'Failure') / count(*), 1) AS failed_percent
FROM llm_usage_logs
GROUP BY model
ORDER BY calls DESC, model;
