-- Jobs, the newest first, from below a position.
SELECT job_id, job_name, description, schedule, timezone, pool, is_active, version, created_at, updated_at, terms,
       pause_reason
FROM jobs WHERE position < $1 ORDER BY position DESC LIMIT $2
