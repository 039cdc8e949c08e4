-- Write a batch of jobs, new ones and such as were there. The columns are the fields of `JobRow`, in its order.
INSERT INTO jobs (job_id, job_name, description, schedule, timezone, pool, is_active, version, created_at, updated_at,
                  terms, pause_reason, position)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bool[], $8::int8[],
                     $9::timestamptz[], $10::timestamptz[], $11::json[], $12::text[], $13::int8[])
ON CONFLICT (job_id) DO UPDATE
SET job_name = excluded.job_name, description = excluded.description, schedule = excluded.schedule,
    timezone = excluded.timezone, pool = excluded.pool, is_active = excluded.is_active, version = excluded.version,
    updated_at = excluded.updated_at, terms = excluded.terms, pause_reason = excluded.pause_reason
