-- Note that every open run of a backfill was told to stop.
UPDATE backfills SET cancels_sent = true WHERE backfill_id = $1;
