-- How do tokens grow from week to week (Monday to Sunday, UTC), in all and per call?
-- A change is given between two whole weeks that follow each other: the first and last week of the table are often cut.
WITH dated AS (
    SELECT CAST(coalesce(end_date, start_date) AS DATE) AS day, total_tokens
    FROM llm_usage_logs
    WHERE coalesce(end_date, start_date) IS NOT NULL
),
weeks AS (
    SELECT
        CAST(dateadd(day, 1 - dayofweekiso(day), day) AS DATE) AS week,
        count(*) AS calls,
        count(total_tokens) AS calls_with_tokens,
        sum(total_tokens) AS total_tokens,
        round(avg(total_tokens), 1) AS tokens_per_call
    FROM dated
    GROUP BY week
),
bounds AS (
    SELECT min(day) AS first_day, max(day) AS last_day
    FROM dated
),
compared AS (
    SELECT
        weeks.*,
        week >= first_day AND week + 6 <= last_day AS whole_week,
        lag(week) OVER (ORDER BY week) AS previous_week,
        lag(total_tokens) OVER (ORDER BY week) AS previous_tokens,
        lag(week) OVER (ORDER BY week) >= first_day AS previous_whole
    FROM weeks
    CROSS JOIN bounds
)
SELECT
    week,
    whole_week,
    calls,
    calls_with_tokens,
    total_tokens,
    CASE
        WHEN whole_week AND previous_whole AND previous_week + 7 = week
            THEN round(100 * (total_tokens - previous_tokens) / nullif(previous_tokens, 0), 1)
    END AS tokens_change_percent,
    tokens_per_call
FROM compared
ORDER BY week;
