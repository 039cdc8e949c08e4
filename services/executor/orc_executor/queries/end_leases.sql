-- Forget the leases of attempts ($1 run, $2 attempt) of executor $3 that ended, and what executors long dead left.
DELETE FROM executor.leases l
WHERE (l.executor = $3 AND (l.run_id, l.attempt) IN (
        SELECT e.run_id, e.attempt FROM unnest($1::uuid[], $2::int4[]) AS e(run_id, attempt)))
    OR l.lease_until < clock_timestamp() - interval '1 day'
