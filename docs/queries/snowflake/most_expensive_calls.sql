-- Which single calls cost most? Look a call up in llm_usage_logs by its id to read its prompt.
-- Needs model_prices.sql and call_costs.sql. Calls without a cost come last, the most tokens first.
SELECT
    id,
    ended_at,
    bot_id,
    coalesce(model_name, '(none)') AS model,
    coalesce(feature_name, '(none)') AS feature,
    coalesce(prompt_name, '(none)') AS prompt,
    request_tokens,
    cached_tokens,
    response_tokens,
    round(cost_usd, 6) AS cost_usd
FROM llm_call_costs
ORDER BY cost_usd DESC NULLS LAST, total_tokens DESC NULLS LAST, id
LIMIT 20;
