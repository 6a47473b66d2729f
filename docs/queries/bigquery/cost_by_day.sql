-- What does each day cost, in US dollars, and how many of its calls are not in that sum?
-- Needs model_prices.sql and call_costs.sql.
SELECT
    day,
    count(*) AS calls,
    count(cost_usd) AS priced_calls,
    countif(NOT has_price) AS calls_without_price,
    countif(NOT has_tokens) AS calls_without_tokens,
    round(sum(cost_usd), 4) AS cost_usd
FROM your_dataset.llm_call_costs
GROUP BY day
ORDER BY day NULLS LAST;
