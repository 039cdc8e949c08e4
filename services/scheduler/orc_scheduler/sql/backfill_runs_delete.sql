-- Forget runs of backfills that have ended.
DELETE FROM backfill_runs WHERE run_id = ANY ($1);
