-- A backfill, and how many of its runs are in each state.
SELECT b.backfill_id, b.job_id, b.status, start_at AS start, end_at AS "end", total, skipped, reprocess, concurrency,
       reverse, reason, requested_by, b.created_at, b.updated_at, b.finished_at, runs.*
FROM backfills b CROSS JOIN LATERAL (
    SELECT count(*) AS requested, count(*) FILTER (WHERE r.status = 'queued') AS queued,
           count(*) FILTER (WHERE r.status = 'running') AS running,
           count(*) FILTER (WHERE r.status = 'success') AS success,
           count(*) FILTER (WHERE r.status = 'failed') AS failed,
           count(*) FILTER (WHERE r.status = 'cancelled') AS cancelled
    FROM runs r WHERE r.backfill_id = b.backfill_id
) AS runs
WHERE b.backfill_id = $1
