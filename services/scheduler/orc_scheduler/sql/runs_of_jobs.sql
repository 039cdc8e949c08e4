-- The open runs of some jobs as of the fold's position, which comes with each row, or alone when there are none.
SELECT c.position, r.run_id, r.job_id
  FROM checkpoints c LEFT JOIN open_runs r ON r.job_id = ANY ($1)
 WHERE c.name = 'calendar';
