-- Empty what is known of backfills, for a rebuild.
WITH runs_gone AS (DELETE FROM backfill_runs) DELETE FROM backfills;
