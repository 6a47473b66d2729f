-- Which features of the bots call a model, what do they take, and how often do they fail?
SELECT
    coalesce(feature_name, '(none)') AS feature,
    count(*) AS calls,
    sum(request_tokens) AS request_tokens,
    sum(response_tokens) AS response_tokens,
    round(100.0 * count(*) FILTER (WHERE status = 'Failure') / count(*), 1) AS failed_percent
FROM llm_usage_logs
GROUP BY feature
ORDER BY calls DESC, feature;
