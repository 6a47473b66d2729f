-- How long does each model take to answer, in milliseconds?
-- Failed calls are among them, quick refusals as well as time-outs.
SELECT
    coalesce(model_name, '(none)') AS model,
    count(time_taken_ms) AS timed_calls,
    round(quantile_cont(time_taken_ms, 0.50)) AS p50_ms,
    round(quantile_cont(time_taken_ms, 0.95)) AS p95_ms,
    round(quantile_cont(time_taken_ms, 0.99)) AS p99_ms,
    max(time_taken_ms) AS max_ms
FROM llm_usage_logs
GROUP BY model
ORDER BY p95_ms DESC NULLS LAST, model;
