-- Rows after a job whose next instant is still to come, or that know none, locked, and the database's time.
SELECT job_id, version, pool, timing, is_active, next_due_at, passing, failures_max, failures, failed_run_id,
       statement_timestamp() AS now
  FROM jobs
 WHERE job_id > $1 AND (next_due_at > statement_timestamp() OR next_due_at IS NULL)
 ORDER BY job_id
 LIMIT $2
   FOR UPDATE;
