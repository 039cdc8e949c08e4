-- Forget the leases of attempts ($1 run, $2 attempt) of executor $3 that ended, give back the slots of holders $4, and
-- forget what executors long dead left.
WITH given_back AS (
    DELETE FROM executor.slots s
    WHERE s.holder = ANY ($4::uuid[]) OR s.lease_until < clock_timestamp() - interval '1 day'
)
DELETE FROM executor.leases l
WHERE (l.executor = $3 AND (l.run_id, l.attempt) IN (
        SELECT e.run_id, e.attempt FROM unnest($1::uuid[], $2::int4[]) AS e(run_id, attempt)))
    OR l.lease_until < clock_timestamp() - interval '1 day'
