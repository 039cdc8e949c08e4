-- The open runs of a backfill.
SELECT run_id FROM backfill_runs WHERE backfill_id = $1 ORDER BY run_id;
