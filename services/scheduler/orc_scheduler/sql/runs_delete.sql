-- Forget ended runs.
DELETE FROM open_runs WHERE run_id = ANY ($1);
