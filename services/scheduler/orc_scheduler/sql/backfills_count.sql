-- How many backfills of a job have not ended.
SELECT count(*) FROM backfills WHERE job_id = $1;
