-- The open ones among these runs.
SELECT run_id, job_id, pool, status, attempt, cancel_requested, requested_position, requested_at, queue_until,
       claimed_at, send_after, sends, concurrency_max, is_held, priority
  FROM open_runs WHERE run_id = ANY ($1);
