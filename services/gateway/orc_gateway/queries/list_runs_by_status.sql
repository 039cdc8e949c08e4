-- Runs in a state other than success, the newest first, from below a position; the words let a partial index serve it.
SELECT run_id, job_id, status, triggered_by, started_at, finished_at, error_message, attempt, cancel_requested,
       due_at, retry_of, retry_at, pool, created_at, updated_at, backfill_id, priority
FROM runs WHERE position < $1 AND status = $3 AND status <> 'success' ORDER BY position DESC LIMIT $2
