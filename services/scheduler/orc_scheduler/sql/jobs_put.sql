-- Put rows as the fold left them.
INSERT INTO jobs (job_id, version, pool, timing, is_active, next_due_at, passing, failures_max, failures, failed_run_id,
                  wake_at)
SELECT * FROM unnest($1::uuid[], $2::int8[], $3::text[], $4::text[], $5::bool[], $6::timestamptz[], $7::text[],
                     $8::int4[], $9::int4[], $10::uuid[], $11::timestamptz[])
ON CONFLICT (job_id) DO UPDATE
   SET version = excluded.version, pool = excluded.pool, timing = excluded.timing, is_active = excluded.is_active,
       next_due_at = excluded.next_due_at, passing = excluded.passing, failures_max = excluded.failures_max,
       failures = excluded.failures, failed_run_id = excluded.failed_run_id, wake_at = excluded.wake_at;
