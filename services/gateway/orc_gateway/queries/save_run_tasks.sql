-- Write what became of a batch of tasks; the last word counts. The columns are the fields of `RunTaskRow`, in its order.
INSERT INTO run_tasks (run_id, task_order, attempt, rows, bytes, seconds, receipt, cursor, schema_changes,
                       error_kind, error_message, finished_at, details)
SELECT * FROM unnest($1::uuid[], $2::int4[], $3::int4[], $4::int8[], $5::int8[], $6::float8[], $7::text[], $8::json[],
                     $9::json[], $10::text[], $11::text[], $12::timestamptz[], $13::json[])
ON CONFLICT (run_id, task_order) DO UPDATE
SET attempt = excluded.attempt, rows = excluded.rows, bytes = excluded.bytes, seconds = excluded.seconds,
    receipt = excluded.receipt, cursor = excluded.cursor, schema_changes = excluded.schema_changes,
    error_kind = excluded.error_kind, error_message = excluded.error_message, finished_at = excluded.finished_at,
    details = excluded.details
