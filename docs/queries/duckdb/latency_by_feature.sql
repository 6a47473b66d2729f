-- How long does each feature wait for its model, in milliseconds?
-- Failed calls are among them, quick refusals as well as time-outs.
SELECT
    coalesce(feature_name, '(none)') AS feature,
    count(time_taken_ms) AS timed_calls,
    round(quantile_cont(time_taken_ms, 0.50)) AS p50_ms,
    round(quantile_cont(time_taken_ms, 0.95)) AS p95_ms,
    round(quantile_cont(time_taken_ms, 0.99)) AS p99_ms,
    max(time_taken_ms) AS max_ms
FROM llm_usage_logs
GROUP BY feature
ORDER BY p95_ms DESC NULLS LAST, feature;
