-- What do the guardrails' scanners look at (the request or the response), and how much do they stop?
-- no_verdict: the scan itself failed. Needs payload_content: full, since the verdict is in the payloads.
WITH scans AS (
    SELECT
        json_value(request_payload, '$.scanner') AS scanner,
        coalesce(json_value(request_payload, '$.req_type'), '(none)') AS req_type,
        json_value(response_payload, '$.is_valid') AS is_valid
    FROM your_dataset.llm_usage_logs
),
verdicts AS (
    SELECT
        scanner,
        req_type,
        count(*) AS scans,
        countif(is_valid = 'true') AS passed,
        countif(is_valid = 'false') AS stopped
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
    round(100 * stopped / nullif(passed + stopped, 0), 1) AS stopped_percent
FROM verdicts
ORDER BY scans DESC, scanner, req_type;
