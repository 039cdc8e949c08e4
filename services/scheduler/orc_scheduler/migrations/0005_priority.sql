-- Executors look here for runs that are more urgent than the one whose message they were given. The rows are folded again
-- from the log.
TRUNCATE scheduler.open_runs, scheduler.jobs, scheduler.backfills, scheduler.backfill_runs;
DELETE FROM scheduler.checkpoints WHERE name = 'calendar';

ALTER TABLE scheduler.open_runs
    -- Within the pool; higher ones are claimed first.
    ADD COLUMN priority int4 NOT NULL CHECK (priority BETWEEN -100 AND 100);

-- The runs of a pool that wait to be claimed, the most urgent first.
CREATE INDEX open_runs_urgent ON scheduler.open_runs (pool, priority DESC, requested_position)
    WHERE status = 'queued' AND NOT is_held;

GRANT USAGE ON SCHEMA scheduler TO orc_executor;
GRANT SELECT ON scheduler.open_runs TO orc_executor;
