-- What does each model cost, in US dollars, and which models have no price?
-- Needs model_prices.sql and call_costs.sql. price is 'partly' where only some days have one.
SELECT
    coalesce(model_name, '(none)') AS model,
    CASE count_if(NOT has_price)
        WHEN 0 THEN 'known'
        WHEN count(*) THEN 'no price'
        ELSE 'partly'
    END AS price,
    count(*) AS calls,
    count(cost_usd) AS priced_calls,
    count_if(NOT has_price) AS calls_without_price,
    count_if(NOT has_tokens) AS calls_without_tokens,
    sum(request_tokens) AS request_tokens,
    sum(cached_tokens) AS cached_tokens,
    sum(response_tokens) AS response_tokens,
    round(sum(cost_usd), 4) AS cost_usd
FROM llm_call_costs
GROUP BY model
ORDER BY cost_usd DESC NULLS LAST, calls DESC, model;
