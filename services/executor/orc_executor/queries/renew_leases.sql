-- Renew the leases of the attempts ($1 run, $2 attempt, $3 version of its claim) of executor $4 for $5 seconds, with the
-- slots they hold ($6 holder, $7 how many), and say of each whether it still owns its run and all its slots, and whether
-- somebody wishes the run to stop. An attempt that the log has ended, or that a later one replaced, is not renewed.
WITH held AS (
    SELECT run_id, attempt, 'run-' || run_id AS stream, claim_version, holder, slots
    FROM unnest($1::uuid[], $2::int4[], $3::int8[], $6::uuid[], $7::int4[])
        AS held(run_id, attempt, claim_version, holder, slots)
), news AS (
    SELECT n.stream,
        bool_or(n.type = 'run.cancel_requested') AS cancel_requested,
        bool_or(n.type IN (
            'run.attempt_failed', 'run.succeeded', 'run.failed', 'run.cancelled', 'run.started')) AS is_over
    FROM log.read_streams(
        (SELECT array_agg(stream) FROM held), (SELECT array_agg(claim_version) FROM held)) n
    GROUP BY n.stream
), renewed AS (
    INSERT INTO executor.leases AS l (run_id, attempt, executor, lease_until)
    SELECT h.run_id, h.attempt, $4, clock_timestamp() + make_interval(secs => $5)
    FROM held h LEFT JOIN news n USING (stream)
    WHERE n.is_over IS NOT TRUE
    -- Two executors that meet here take the rows in one order.
    ORDER BY h.run_id
    ON CONFLICT (run_id) DO UPDATE
    SET attempt = excluded.attempt, executor = excluded.executor, lease_until = excluded.lease_until
    WHERE l.attempt < excluded.attempt OR (l.attempt = excluded.attempt AND l.executor = excluded.executor)
    RETURNING l.run_id
), kept AS (
    UPDATE executor.slots s SET lease_until = clock_timestamp() + make_interval(secs => $5)
    FROM held h LEFT JOIN news n USING (stream)
    -- Nobody else has the holder's name, and who takes a slot that ran out removes its row.
    WHERE s.holder = h.holder AND n.is_over IS NOT TRUE
    RETURNING s.holder
)
SELECT h.run_id, h.attempt,
    r.run_id IS NOT NULL AND h.slots = (SELECT count(*) FROM kept k WHERE k.holder = h.holder) AS is_ours,
    coalesce(n.cancel_requested, false) AS cancel_requested
FROM held h LEFT JOIN news n USING (stream) LEFT JOIN renewed r USING (run_id)
