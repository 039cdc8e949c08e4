-- Note how far backfills have come.
UPDATE backfills b
   SET version = u.version, requested = u.requested, succeeded = u.succeeded, failed = u.failed,
       cancelled = u.cancelled, cancel_requested = u.cancel_requested
  FROM unnest($1::uuid[], $2::int8[], $3::int4[], $4::int4[], $5::int4[], $6::int4[], $7::bool[])
       AS u(backfill_id, version, requested, succeeded, failed, cancelled, cancel_requested)
 WHERE b.backfill_id = u.backfill_id;
