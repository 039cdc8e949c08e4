-- Forget the failures that led to a pause, unless there are newer ones.
UPDATE jobs SET failures = 0, failed_run_id = NULL WHERE job_id = $1 AND failed_run_id = $2;
