-- The rows of these backfills but for their instants, locked in order, so that nobody asks for runs of them meanwhile.
SELECT backfill_id, version, requested, succeeded, failed, cancelled, cancel_requested
  FROM backfills WHERE backfill_id = ANY ($1)
 ORDER BY backfill_id
   FOR UPDATE;
