-- Forget files that are loaded again, changed.
DELETE FROM target._orc.files WHERE task_id = $1 AND path IN (SELECT unnest($2))
