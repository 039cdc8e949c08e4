-- Jobs whose calendar does not know yet that an instant ended in an event: after a rebuild, never while we tick.
SELECT job_id, schedule, timezone, u.due_at
  FROM jobs JOIN unnest($1::uuid[], $2::timestamptz[]) AS u(job_id, due_at) USING (job_id)
 WHERE next_due_at <= u.due_at;
