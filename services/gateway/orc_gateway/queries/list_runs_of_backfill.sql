-- A backfill's runs, the newest first, from below a position.
SELECT run_id, job_id, status, triggered_by, started_at, finished_at, error_message, attempt, cancel_requested,
       due_at, retry_of, retry_at, pool, created_at, updated_at, backfill_id, priority
FROM runs WHERE backfill_id = $1 AND position < $2 ORDER BY position DESC LIMIT $3
