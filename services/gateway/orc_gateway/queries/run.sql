-- A run.
SELECT run_id, job_id, status, triggered_by, started_at, finished_at, error_message, attempt, cancel_requested,
       due_at, retry_of, retry_at, pool, created_at, updated_at, backfill_id, priority
FROM runs WHERE run_id = $1
