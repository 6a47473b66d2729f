-- What do the guardrails' scanners look at (the request or the response), and how much do they stop?
-- no_verdict: the scan itself failed. Needs payload_content: full, since the verdict is in the payloads.
WITH payloads AS (
    SELECT
        try_cast(request_payload AS JSON) AS request,
        try_cast(response_payload AS JSON) AS response
    FROM llm_usage_logs
),
scans AS (
    SELECT
        request ->> '$.scanner' AS scanner,
        coalesce(request ->> '$.req_type', '(none)') AS req_type,
        response ->> '$.is_valid' AS is_valid
    FROM payloads
),
verdicts AS (
    SELECT
        scanner,
        req_type,
        count(*) AS scans,
        count(*) FILTER (WHERE is_valid = 'true') AS passed,
        count(*) FILTER (WHERE is_valid = 'false') AS stopped
    FROM scans
    WHERE scanner IS NOT NULL
    GROUP BY scanner, req_type
)
SELECT
    scanner,
    req_type,
    scans,
    passed,
    stopped,
    scans - passed - stopped AS no_verdict,
    round(100.0 * stopped / nullif(passed + stopped, 0), 1) AS stopped_percent
FROM verdicts
ORDER BY scans DESC, scanner, req_type;
