-- Which of these runs are open runs of backfills, and of which.
SELECT run_id, backfill_id FROM backfill_runs WHERE run_id = ANY ($1);
