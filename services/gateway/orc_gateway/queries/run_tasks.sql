-- What became of a run's tasks so far.
SELECT task_order, attempt, rows, bytes, seconds, receipt, cursor, schema_changes, error_kind, error_message, finished_at,
       details
FROM run_tasks WHERE run_id = $1
