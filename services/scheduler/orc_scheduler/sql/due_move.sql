-- Move locked schedules on, past what this transaction accounts for.
UPDATE jobs
   SET next_due_at = u.next_due_at, passing = u.passing, wake_at = u.wake_at
  FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::timestamptz[]) AS u(job_id, next_due_at, passing, wake_at)
 WHERE jobs.job_id = u.job_id;
