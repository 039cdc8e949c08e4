-- Count failed runs in a row, of jobs that are paused after so many; `begins_anew`: one succeeded before these.
UPDATE jobs
   SET failures = CASE WHEN u.begins_anew THEN 0 ELSE jobs.failures END + u.failures,
       failed_run_id = CASE WHEN u.failures > 0 THEN u.failed_run_id END
  FROM unnest($1::uuid[], $2::int4[], $3::bool[], $4::uuid[]) AS u(job_id, failures, begins_anew, failed_run_id)
 WHERE jobs.job_id = u.job_id AND jobs.failures_max IS NOT NULL AND (u.failures > 0 OR jobs.failures > 0);
