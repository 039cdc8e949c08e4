-- Which of these runs are of backfills.
SELECT run_id FROM backfill_runs WHERE run_id = ANY ($1);
