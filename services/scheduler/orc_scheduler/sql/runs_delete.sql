-- Forget ended runs; returns the jobs of theirs that have runs waiting for their turn.
WITH ended AS (
    DELETE FROM open_runs WHERE run_id = ANY ($1) RETURNING job_id
)
SELECT DISTINCT e.job_id FROM ended e
 WHERE EXISTS (SELECT FROM open_runs h WHERE h.job_id = e.job_id AND h.is_held);
