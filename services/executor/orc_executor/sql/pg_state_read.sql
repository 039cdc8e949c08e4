-- What is remembered of a task.
SELECT state FROM _orc.states WHERE task_id = $1
