-- Write the tasks of jobs whose old ones were removed.
INSERT INTO tasks (job_id, task_order, extractor_config, loader_config)
SELECT * FROM unnest($1::uuid[], $2::int4[], $3::json[], $4::json[])
