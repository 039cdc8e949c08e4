-- The files that a task has loaded.
SELECT path, mark FROM target._orc.files WHERE task_id = $1
