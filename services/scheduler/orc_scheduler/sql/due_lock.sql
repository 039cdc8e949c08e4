-- Lock schedules that are due, oldest first, leaving alone what another replica or the projector holds.
SELECT job_id, version, schedule, timezone, next_due_at, statement_timestamp() AS now
  FROM jobs
 WHERE next_due_at <= statement_timestamp()
 ORDER BY next_due_at
 LIMIT $1
   FOR UPDATE SKIP LOCKED;
