-- What do the guardrails' scanners look at (the request or the response), and how much do they stop?
-- no_verdict: the scan itself failed. Needs payload_content: full, since the verdict is in the payloads.
WITH payloads AS (
    SELECT
        try_parse_json(request_payload::string) AS request,
        try_parse_json(response_payload::string) AS response
    FROM llm_usage_logs
),
scans AS (
    SELECT
        request:scanner::string AS scanner,
        coalesce(request:req_type::string, '(none)') AS req_type,
        response:is_valid::string AS is_valid
    FROM payloads
),
verdicts AS (
    SELECT
        scanner,
        req_type,
        count(*) AS scans,
        count_if(is_valid = 'true') AS passed,
        count_if(is_valid = 'false') AS stopped
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
