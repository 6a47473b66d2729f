-- Why calls fail: each cause, the most frequent first, with ids to look at (in the stream's table, with their payloads).
with failed as (
    select
        coalesce(error_type, cast(status_code as {{ dbt.type_string() }}), '(none)') as error,
        coalesce(provider, '(none)') as provider_name,
        coalesce(finish_reason, '(none)') as finish,
        id,
        bot_id,
        ended_at,
        row_number() over (
            partition by
                coalesce(error_type, cast(status_code as {{ dbt.type_string() }}), '(none)'),
                coalesce(provider, '(none)'),
                coalesce(finish_reason, '(none)')
            order by case when ended_at is null then 1 else 0 end, ended_at desc, id
        ) as newest_first
    from {{ ref('kore_llm_calls') }}
    where is_failure
),

causes as (
    select
        error,
        provider_name,
        finish,
        count(*) as failures,
        count(distinct bot_id) as bots,
        min(ended_at) as first_failure_at,
        max(ended_at) as last_failure_at,
        max(case when newest_first = 1 then id end) as newest_example_id,
        max(case when newest_first = 2 then id end) as second_example_id,
        max(case when newest_first = 3 then id end) as third_example_id
    from failed
    group by error, provider_name, finish
)

select
    error as error_type,
    provider_name as provider,
    finish as finish_reason,
    failures,
    round(100.0 * failures / sum(failures) over (), 1) as failures_percent,
    bots,
    first_failure_at,
    last_failure_at,
    newest_example_id,
    second_example_id,
    third_example_id,
    row_number() over (order by failures desc, error, provider_name, finish) as place
from causes
