-- How long does each feature wait for its model, in milliseconds?
-- Failed calls are among them, quick refusals as well as time-outs.
WITH timed AS (
    SELECT
        coalesce(feature_name, '(none)') AS feature,
        time_taken_ms,
        percentile_cont(time_taken_ms, 0.50) OVER (PARTITION BY coalesce(feature_name, '(none)')) AS p50,
        percentile_cont(time_taken_ms, 0.95) OVER (PARTITION BY coalesce(feature_name, '(none)')) AS p95,
        percentile_cont(time_taken_ms, 0.99) OVER (PARTITION BY coalesce(feature_name, '(none)')) AS p99
    FROM your_dataset.llm_usage_logs
)
SELECT
    feature,
    count(time_taken_ms) AS timed_calls,
    round(min(p50)) AS p50_ms,
    round(min(p95)) AS p95_ms,
    round(min(p99)) AS p99_ms,
    max(time_taken_ms) AS max_ms
FROM timed
GROUP BY feature
ORDER BY p95_ms DESC NULLS LAST, feature;
