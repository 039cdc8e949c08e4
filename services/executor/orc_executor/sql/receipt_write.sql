-- Prove the load, in its own transaction; by names, as a file that was widened has its columns in another order.
INSERT INTO target._orc.receipts (root_run_id, task_id, run_id, attempt, load_id, "rows", bytes, seconds, result, loaded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now())
