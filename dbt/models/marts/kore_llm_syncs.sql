-- Rows by sync. A row that was read again belongs to the last sync that brought it. Where the destination does not name
-- its syncs, a pause of more than kore_llm_sync_gap_seconds between two rows begins another.
with ordered as (
    select
        id,
        bot_id,
        sync_id,
        arrived_at,
        coalesce(end_date, start_date) as ended_at,
        lag(arrived_at) over (order by arrived_at) as previous_arrival_at
    from {{ ref('stg_kore_llm_logs') }}
),

marked as (
    select
        *,
        sum(
            case
                when {{ dbt.datediff('previous_arrival_at', 'arrived_at', 'second') }} > {{ var('kore_llm_sync_gap_seconds') }}
                    then 1
                else 0
            end
        ) over (order by arrived_at rows between unbounded preceding and current row) as pauses_before
    from ordered
)

select
    coalesce(sync_id, cast(pauses_before + 1 as {{ dbt.type_string() }})) as sync,
    min(arrived_at) as first_arrival_at,
    max(arrived_at) as last_arrival_at,
    count(*) as calls,
    count(distinct bot_id) as bots,
    min(ended_at) as first_call_at,
    max(ended_at) as last_call_at
from marked
group by coalesce(sync_id, cast(pauses_before + 1 as {{ dbt.type_string() }}))
