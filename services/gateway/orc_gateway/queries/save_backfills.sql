-- Write a batch of backfills, new ones and such as were there. The columns are the fields of `BackfillRow`, in its order.
INSERT INTO backfills AS old (backfill_id, job_id, status, start_at, end_at, total, skipped, reprocess, concurrency,
                              reverse, reason, requested_by, created_at, updated_at, finished_at, position)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::int4[], $7::int4[],
                     $8::text[], $9::int4[], $10::bool[], $11::text[], $12::text[], $13::timestamptz[],
                     $14::timestamptz[], $15::timestamptz[], $16::int8[])
ON CONFLICT (backfill_id) DO UPDATE
SET status = excluded.status, reason = excluded.reason, updated_at = excluded.updated_at,
    finished_at = excluded.finished_at
