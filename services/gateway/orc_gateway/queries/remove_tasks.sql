-- Remove the tasks of jobs that were changed or deleted.
DELETE FROM tasks WHERE job_id = ANY($1::uuid[])
