-- Which prompts cost most, all their calls together and each call on average?
-- Needs model_prices.sql and call_costs.sql. Averages are over the calls that have tokens, or a cost.
SELECT
    coalesce(prompt_name, '(none)') AS prompt,
    coalesce(feature_name, '(none)') AS feature,
    count(*) AS calls,
    count(*) FILTER (WHERE NOT has_price) AS calls_without_price,
    count(*) FILTER (WHERE NOT has_tokens) AS calls_without_tokens,
    sum(total_tokens) AS total_tokens,
    round(avg(total_tokens), 1) AS tokens_per_call,
    round(sum(cost_usd), 4) AS cost_usd,
    round(avg(cost_usd), 6) AS cost_per_call_usd
FROM llm_call_costs
GROUP BY prompt, feature
ORDER BY cost_usd DESC NULLS LAST, total_tokens DESC NULLS LAST, prompt, feature
LIMIT 20;
