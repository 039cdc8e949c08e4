-- Put rows whose schedule begins anew: created, rescheduled, paused or resumed.
INSERT INTO jobs (job_id, version, schedule, timezone, pool, is_active, next_due_at)
SELECT * FROM unnest($1::uuid[], $2::int8[], $3::text[], $4::text[], $5::text[], $6::bool[], $7::timestamptz[])
ON CONFLICT (job_id) DO UPDATE
   SET version = excluded.version, schedule = excluded.schedule, timezone = excluded.timezone, pool = excluded.pool,
       is_active = excluded.is_active, next_due_at = excluded.next_due_at;
