-- Forget all files of a task that begins anew.
DELETE FROM target._orc.files WHERE task_id = $1
