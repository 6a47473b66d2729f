-- What the guardrails' scanners looked at (the request or the response) and stopped. no_verdict: the scan itself failed, or
-- its payload was redacted, and with it the scanner's name.
with verdicts as (
    select
        guardrail_scanner as scanner,
        coalesce(guardrail_scanned, '(none)') as scanned,
        count(*) as scans,
        count(distinct bot_id) as bots,
        sum(case when guardrail_is_valid = 'true' then 1 else 0 end) as passed,
        sum(case when guardrail_is_valid = 'false' then 1 else 0 end) as stopped,
        round({{ percentile('time_taken_ms', 0.5) }}) as p50_ms,
        max(time_taken_ms) as max_ms,
        min(coalesce(end_date, start_date)) as first_scan_at,
        max(coalesce(end_date, start_date)) as last_scan_at
    from {{ ref('stg_kore_llm_logs') }}
    where guardrail_scanner is not null
    group by guardrail_scanner, coalesce(guardrail_scanned, '(none)')
)

select
    scanner,
    scanned,
    scans,
    bots,
    passed,
    stopped,
    scans - passed - stopped as no_verdict,
    round(100.0 * stopped / nullif(passed + stopped, 0), 1) as stopped_percent,
    p50_ms,
    max_ms,
    first_scan_at,
    last_scan_at
from verdicts
