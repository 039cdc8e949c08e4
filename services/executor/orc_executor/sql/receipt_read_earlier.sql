-- The same of a file that was made before receipts held results.
SELECT load_id, "rows", bytes, seconds, NULL FROM target._orc.receipts WHERE root_run_id = $1 AND task_id = $2
