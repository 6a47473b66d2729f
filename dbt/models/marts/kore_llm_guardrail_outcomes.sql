-- What the guardrails' scanners looked at (the request or the response) and stopped. no_verdict: the scan itself failed.
-- Empty with payload_content: redacted, for the verdict is in the payloads.
with verdicts as (
    select
        guardrail_scanner as scanner,
        coalesce(guardrail_scanned, '(none)') as scanned,
        count(*) as scans,
        sum(case when guardrail_is_valid = 'true' then 1 else 0 end) as passed,
        sum(case when guardrail_is_valid = 'false' then 1 else 0 end) as stopped
    from {{ ref('kore_llm_calls') }}
    where guardrail_scanner is not null
    group by guardrail_scanner, coalesce(guardrail_scanned, '(none)')
)

select
    *,
    scans - passed - stopped as no_verdict,
    round(100.0 * stopped / nullif(passed + stopped, 0), 1) as stopped_percent
from verdicts
