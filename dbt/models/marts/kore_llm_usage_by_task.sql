-- The log has no name for a task: one of its descriptions stands for it.
with usage as (
    {{ kore_llm_logs.heaviest(['bot_id', 'task_id']) }}
),

descriptions as (
    select bot_id, coalesce(task_id, '(none)') as task, min(description) as example_description
    from {{ ref('kore_llm_calls') }}
    group by bot_id, coalesce(task_id, '(none)')
)

select usage.*, descriptions.example_description
from usage
inner join descriptions
    on usage.bot_id = descriptions.bot_id
    and coalesce(usage.task_id, '(none)') = descriptions.task
