-- How many runs of a job have not ended.
SELECT count(*) FROM open_runs WHERE job_id = $1;
