-- Move schedules on past an accounted instant, unless they stand further already.
UPDATE jobs
   SET next_due_at = u.next_due_at
  FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) AS u(job_id, due_at, next_due_at)
 WHERE jobs.job_id = u.job_id AND jobs.next_due_at <= u.due_at;
