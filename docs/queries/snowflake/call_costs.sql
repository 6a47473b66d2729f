-- What each call cost: the cost queries read this view. Run it once, after model_prices.sql.
-- cost_usd is NULL, never zero, if the model has no price that day (has_price) or a token count lacks (has_tokens).
CREATE OR REPLACE VIEW llm_call_costs AS
WITH prices AS (
    SELECT
        model,
        input_usd,
        coalesce(cached_input_usd, input_usd) AS cached_input_usd,
        output_usd,
        valid_from,
        -- A price holds until the model's next one.
        lead(valid_from) OVER (PARTITION BY model ORDER BY valid_from) AS valid_until
    FROM model_prices
),
calls AS (
    SELECT
        *,
        coalesce(end_date, start_date) AS ended_at,
        CAST(coalesce(end_date, start_date) AS DATE) AS day,
        -- None if the provider did not say, or if the log's own count of the request leaves them out.
        CASE WHEN cached_tokens <= request_tokens THEN cached_tokens ELSE 0 END AS tokens_from_cache
    FROM llm_usage_logs
)
SELECT
    calls.id,
    calls.ended_at,
    calls.day,
    calls.bot_id,
    calls.user_id,
    calls.model_name,
    calls.feature_name,
    calls.prompt_name,
    calls.request_tokens,
    calls.cached_tokens,
    calls.response_tokens,
    calls.total_tokens,
    prices.model IS NOT NULL AS has_price,
    calls.request_tokens IS NOT NULL AND calls.response_tokens IS NOT NULL AS has_tokens,
    (
        (calls.request_tokens - calls.tokens_from_cache) * prices.input_usd
        + calls.tokens_from_cache * prices.cached_input_usd
        + calls.response_tokens * prices.output_usd
    ) / 1000000 AS cost_usd
FROM calls
LEFT JOIN prices
    ON calls.model_name = prices.model
    AND calls.day >= prices.valid_from
    AND (calls.day < prices.valid_until OR prices.valid_until IS NULL);
