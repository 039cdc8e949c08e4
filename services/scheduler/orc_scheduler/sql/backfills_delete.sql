-- Forget backfills that have ended.
WITH runs_gone AS (DELETE FROM backfill_runs WHERE backfill_id = ANY ($1))
DELETE FROM backfills WHERE backfill_id = ANY ($1);
