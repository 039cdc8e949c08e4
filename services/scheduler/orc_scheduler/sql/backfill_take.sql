-- Lock a backfill with something to do, the oldest first, leaving alone what another replica or the projector holds and
-- those in $1: to ask for runs while fewer than `concurrency` are open, to cancel those that are, or to end. `wanted`
-- are the next instants, as many as there is room for.
SELECT backfill_id, job_id, version, succeeded, failed, cancelled, requested - succeeded - failed - cancelled AS open_runs,
       cancel_requested, statement_timestamp() AS now,
       CASE WHEN cancel_requested THEN '{}'
            ELSE instants[requested + 1 : succeeded + failed + cancelled + concurrency] END AS wanted
  FROM backfills
 WHERE CASE WHEN cancel_requested THEN NOT cancels_sent OR requested = succeeded + failed + cancelled
            WHEN requested = cardinality(instants) THEN requested = succeeded + failed + cancelled
            ELSE requested - succeeded - failed - cancelled < concurrency END
   AND backfill_id <> ALL ($1)
 ORDER BY requested_position
 LIMIT 1
   FOR UPDATE SKIP LOCKED;
