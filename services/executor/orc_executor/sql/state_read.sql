-- Where a task goes on.
SELECT version, state FROM target._orc.states WHERE task_id = $1
