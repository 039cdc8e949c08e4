-- The calendar's rows of these jobs, locked: what the ticker moves on meanwhile the fold must not move back.
SELECT job_id, version, pool, timing, is_active, next_due_at, passing, failures_max, failures, failed_run_id
  FROM jobs
 WHERE job_id = ANY ($1)
 ORDER BY job_id
   FOR UPDATE;
