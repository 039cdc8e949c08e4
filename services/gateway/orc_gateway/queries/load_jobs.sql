-- The rows of some jobs, to be folded on. The columns are the fields of `JobRow`, in its order.
SELECT job_id, job_name, description, schedule, timezone, pool, is_active, version, created_at, updated_at, terms,
       pause_reason, position
FROM jobs WHERE job_id = ANY($1::uuid[])
