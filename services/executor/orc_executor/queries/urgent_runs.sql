-- The most urgent runs of pool $1 that can be claimed and have a higher priority than $2, at most $3 of them. A run is past
-- its `retry_at` when its message is due or was sent. The rows are a fold, some events behind: whether somebody has
-- claimed a run that was never tried before is asked of the log, for the first $4.
SELECT o.run_id, o.priority
  FROM (SELECT run_id, priority, requested_position, attempt
          FROM scheduler.open_runs
         WHERE pool = $1 AND priority > $2 AND status = 'queued' AND NOT is_held
           AND (sends > 0 OR send_after <= statement_timestamp())
         ORDER BY priority DESC, requested_position
         LIMIT $4) o
 WHERE o.attempt > 0 OR (SELECT s.version FROM log.streams s WHERE s.stream = 'run-' || o.run_id) = 1
 ORDER BY o.priority DESC, o.requested_position
 LIMIT $3
