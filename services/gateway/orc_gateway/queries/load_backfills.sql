-- The rows of some backfills, to be folded on. The columns are the fields of `BackfillRow`, in its order.
SELECT backfill_id, job_id, status, start_at, end_at, total, skipped, reprocess, concurrency, reverse, reason,
       requested_by, created_at, updated_at, finished_at, position
FROM backfills WHERE backfill_id = ANY($1::uuid[])
