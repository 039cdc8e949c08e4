-- How many runs there are, of a job or in a state when given.
SELECT coalesce(sum(runs), 0)::int8 FROM run_counts
WHERE ($1::uuid IS NULL OR job_id = $1) AND ($2::text IS NULL OR status = $2)
