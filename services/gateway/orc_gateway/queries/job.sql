-- A job with its tasks, in one statement so that both are of the same moment.
SELECT j.job_id, job_name, description, schedule, timezone, pool, is_active, version, created_at, updated_at, terms,
       pause_reason, task_order, extractor_config, loader_config
FROM jobs j JOIN tasks t ON t.job_id = j.job_id WHERE j.job_id = $1 ORDER BY task_order
