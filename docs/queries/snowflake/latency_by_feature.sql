-- How long does each feature wait for its model, in milliseconds?
-- Failed calls are among them, quick refusals as well as time-outs.
SELECT
    coalesce(feature_name, '(none)') AS feature,
    count(time_taken_ms) AS timed_calls,
    round(percentile_cont(0.50) WITHIN GROUP (ORDER BY time_taken_ms)) AS p50_ms,
    round(percentile_cont(0.95) WITHIN GROUP (ORDER BY time_taken_ms)) AS p95_ms,
    round(percentile_cont(0.99) WITHIN GROUP (ORDER BY time_taken_ms)) AS p99_ms,
    max(time_taken_ms) AS max_ms
FROM llm_usage_logs
GROUP BY feature
ORDER BY p95_ms DESC NULLS LAST, feature;
