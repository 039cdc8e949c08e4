-- Count runs that this transaction asks for.
UPDATE backfills SET requested = requested + $2 WHERE backfill_id = $1;
