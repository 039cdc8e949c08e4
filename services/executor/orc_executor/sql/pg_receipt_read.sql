-- The proof that a task of a root run was loaded.
SELECT result FROM _orc.receipts WHERE root_run_id = $1 AND task_id = $2
