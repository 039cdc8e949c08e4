-- Remove deleted jobs.
DELETE FROM jobs WHERE job_id = ANY($1::uuid[])
