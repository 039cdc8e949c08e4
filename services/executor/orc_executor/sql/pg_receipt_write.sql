-- Prove the load, in its own transaction.
INSERT INTO _orc.receipts (root_run_id, task_id, run_id, attempt, load_id, result) VALUES ($1, $2, $3, $4, $5, $6)
