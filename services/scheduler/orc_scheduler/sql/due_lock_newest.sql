-- Lock schedules that are due, newest first, leaving alone what another replica or the projector holds.
SELECT job_id, version, timing, is_active, next_due_at, passing, statement_timestamp() AS now
  FROM jobs
 WHERE wake_at <= statement_timestamp()
 ORDER BY wake_at DESC
 LIMIT $1
   FOR UPDATE SKIP LOCKED;
