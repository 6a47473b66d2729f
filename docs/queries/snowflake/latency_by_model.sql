-- How long does each model take to answer, in milliseconds?
-- Failed calls are among them, quick refusals as well as time-outs.
SELECT
    coalesce(model_name, '(none)') AS model,
    count(time_taken_ms) AS timed_calls,
    round(percentile_cont(0.50) WITHIN GROUP (ORDER BY time_taken_ms)) AS p50_ms,
    round(percentile_cont(0.95) WITHIN GROUP (ORDER BY time_taken_ms)) AS p95_ms,
    round(percentile_cont(0.99) WITHIN GROUP (ORDER BY time_taken_ms)) AS p99_ms,
    max(time_taken_ms) AS max_ms
FROM llm_usage_logs
GROUP BY model
ORDER BY p95_ms DESC NULLS LAST, model;
