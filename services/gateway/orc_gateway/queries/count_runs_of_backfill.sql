-- How many runs were requested for a backfill.
SELECT count(*) FROM runs WHERE backfill_id = $1
