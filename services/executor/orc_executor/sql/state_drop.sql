-- Make room for what a task remembers now.
DELETE FROM target._orc.states WHERE task_id = $1
