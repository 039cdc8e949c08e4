-- Write a batch of runs, new ones and such as were there. The columns are the fields of `RunRow`, in its order.
INSERT INTO runs AS old (run_id, job_id, status, triggered_by, started_at, finished_at, error_message, attempt,
                         cancel_requested, due_at, retry_of, retry_at, pool, created_at, updated_at, backfill_id, priority, position)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::text[],
                     $8::int4[], $9::bool[], $10::timestamptz[], $11::uuid[], $12::timestamptz[], $13::text[],
                     $14::timestamptz[], $15::timestamptz[], $16::uuid[], $17::int4[], $18::int8[])
ON CONFLICT (run_id) DO UPDATE
SET status = excluded.status, started_at = excluded.started_at, finished_at = excluded.finished_at,
    error_message = excluded.error_message, attempt = excluded.attempt, cancel_requested = excluded.cancel_requested,
    retry_at = excluded.retry_at, updated_at = excluded.updated_at
