-- The open runs of some jobs, backfills apart, as of the fold's position, which comes with each row, or alone when there
-- are none.
SELECT c.position, r.run_id, r.job_id
  FROM checkpoints c
  LEFT JOIN open_runs r ON r.job_id = ANY ($1)
   AND NOT EXISTS (SELECT FROM backfill_runs b WHERE b.run_id = r.run_id)
 WHERE c.name = 'calendar';
