-- Add to how many runs of a job are in a state; a count may reach 0 and stay.
INSERT INTO run_counts AS old (job_id, status, runs)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::int8[])
ON CONFLICT (job_id, status) DO UPDATE SET runs = old.runs + excluded.runs
