-- Jobs whose calendar may not know yet that an instant ended in an event: after a rebuild, never while we tick. Locked.
SELECT job_id, version, pool, timing, is_active, next_due_at, passing, failures_max, failures, failed_run_id
  FROM jobs JOIN unnest($1::uuid[], $2::timestamptz[]) AS u(job_id, due_at) USING (job_id)
 WHERE next_due_at <= u.due_at OR passing IS NOT NULL
 ORDER BY job_id
   FOR UPDATE OF jobs;
