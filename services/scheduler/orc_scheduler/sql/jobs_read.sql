-- The calendar's rows of these jobs, as the fold needs them.
SELECT job_id, version, schedule, timezone, pool, is_active FROM jobs WHERE job_id = ANY ($1);
