-- Slots: the places there are for runs of one job, or of one pool, to be worked on at once. Nothing counts: whoever
-- claims a run with a limit holds a numbered row of each scope, under a lease, from before the claim on.
CREATE TABLE executor.slots (
    -- `job:<uuid>` or `pool:<name>`.
    scope         text        COLLATE "C" NOT NULL CHECK (scope <> ''),
    -- From 1 to the limit of whoever took it.
    number        int4        NOT NULL CHECK (number > 0),
    -- Of one claim that was tried once: neither another claim of the run nor a namesake of the executor has it.
    holder        uuid        NOT NULL,
    run_id        uuid        NOT NULL,
    attempt       int4        NOT NULL CHECK (attempt > 0),
    -- The version that the claim has in the run's stream, or would have: what ends the attempt comes after it.
    claim_version int8        NOT NULL CHECK (claim_version > 0),
    executor      text        NOT NULL CHECK (executor <> ''),
    lease_until   timestamptz NOT NULL,
    PRIMARY KEY (scope, number)
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

CREATE INDEX slots_holder ON executor.slots (holder);

-- Take a slot of each scope, or none. A slot is free when its lease ran out, or when the log says that its attempt is
-- over: a run's last event frees its slots, whether or not its executor lives to give them back.
-- Returns `taken`; `busy` when the run has a slot already, so that somebody else is about to claim it or did; otherwise
-- the first scope without a free slot. Asked again by the same holder, it answers for now and forgets what was taken
-- before: an answer that was lost costs nothing.
CREATE FUNCTION executor.take_slots(
    scopes text[], limits int4[], by_holder uuid, for_run uuid, for_attempt int4, at_version int8, by_executor text,
    lease_seconds float8
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    key     int8;
    wanted  record;
    lowest  int4;
    numbers int4[] := '{}';
BEGIN
    -- Who takes from a scope waits for who did before, and each statement below sees what that one took. Two that want
    -- the same scopes ask for them in the same order.
    FOR key IN SELECT DISTINCT hashtextextended('executor.slots/' || s, 0) FROM unnest(scopes) s ORDER BY 1 LOOP
        PERFORM pg_advisory_xact_lock(key);
    END LOOP;
    DELETE FROM executor.slots s WHERE s.holder = by_holder;
    FOR wanted IN SELECT * FROM unnest(scopes, limits) WITH ORDINALITY AS w(scope, most, place) ORDER BY place LOOP
        -- A row that is locked is being renewed or given back.
        DELETE FROM executor.slots s
        WHERE (s.scope, s.number) IN (
            SELECT o.scope, o.number FROM executor.slots o
            WHERE o.scope = wanted.scope AND o.lease_until < clock_timestamp()
            FOR UPDATE SKIP LOCKED);
        IF EXISTS (SELECT FROM executor.slots s WHERE s.scope = wanted.scope AND s.run_id = for_run)
            OR (SELECT count(*) >= wanted.most FROM executor.slots s WHERE s.scope = wanted.scope)
        THEN
            DELETE FROM executor.slots s
            WHERE (s.scope, s.number) IN (
                SELECT o.scope, o.number FROM executor.slots o
                WHERE o.scope = wanted.scope AND EXISTS (
                    SELECT FROM log.read_streams(ARRAY['run-' || o.run_id], ARRAY[o.claim_version]) e
                    WHERE e.type IN (
                        'run.attempt_failed', 'run.succeeded', 'run.failed', 'run.cancelled', 'run.started'))
                FOR UPDATE SKIP LOCKED);
        END IF;
        IF EXISTS (SELECT FROM executor.slots s WHERE s.scope = wanted.scope AND s.run_id = for_run) THEN
            RETURN 'busy';
        END IF;
        -- Counted and numbered: runs that were requested before the limit was lowered may hold higher numbers.
        IF (SELECT count(*) >= wanted.most FROM executor.slots s WHERE s.scope = wanted.scope) THEN
            RETURN wanted.scope;
        END IF;
        SELECT min(n) INTO lowest FROM generate_series(1, wanted.most) n
        WHERE NOT EXISTS (SELECT FROM executor.slots s WHERE s.scope = wanted.scope AND s.number = n);
        numbers := numbers || lowest;
    END LOOP;
    INSERT INTO executor.slots (scope, number, holder, run_id, attempt, claim_version, executor, lease_until)
    SELECT w.scope, w.number, by_holder, for_run, for_attempt, at_version, by_executor,
        clock_timestamp() + make_interval(secs => lease_seconds)
    FROM unnest(scopes, numbers) AS w(scope, number);
    RETURN 'taken';
END $$;

GRANT SELECT, INSERT, UPDATE, DELETE ON executor.slots TO orc_executor;
GRANT SELECT ON executor.slots TO orc_scheduler, orc_auditor;
REVOKE EXECUTE ON FUNCTION executor.take_slots FROM PUBLIC;
GRANT EXECUTE ON FUNCTION executor.take_slots TO orc_executor;
