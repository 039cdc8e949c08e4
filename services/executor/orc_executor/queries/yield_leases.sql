-- Let the leases of attempts ($1 run, $2 attempt) of executor $3 run out now: their workers are gone.
INSERT INTO executor.leases AS l (run_id, attempt, executor, lease_until)
SELECT y.run_id, y.attempt, $3, clock_timestamp()
FROM unnest($1::uuid[], $2::int4[]) AS y(run_id, attempt)
ORDER BY y.run_id
ON CONFLICT (run_id) DO UPDATE
SET attempt = excluded.attempt, executor = excluded.executor, lease_until = excluded.lease_until
WHERE l.attempt < excluded.attempt OR (l.attempt = excluded.attempt AND l.executor = excluded.executor)
