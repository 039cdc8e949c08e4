-- How many backfills a job has or had.
SELECT count(*) FROM backfills WHERE job_id = $1
