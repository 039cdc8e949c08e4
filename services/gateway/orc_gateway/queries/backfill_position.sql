-- Where a backfill began.
SELECT position FROM backfills WHERE backfill_id = $1
