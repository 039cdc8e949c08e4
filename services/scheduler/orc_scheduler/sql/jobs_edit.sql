-- Note edits that leave the schedule as it was: what is due stays due.
UPDATE jobs
   SET version = u.version, pool = u.pool
  FROM unnest($1::uuid[], $2::int8[], $3::text[]) AS u(job_id, version, pool)
 WHERE jobs.job_id = u.job_id;
