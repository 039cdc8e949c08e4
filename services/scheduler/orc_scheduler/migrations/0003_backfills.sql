-- Backfills under way. Folded from the log like the rest; a backfill that has ended is not here.
CREATE TABLE scheduler.backfills (
    backfill_id        uuid          NOT NULL PRIMARY KEY,
    job_id             uuid          NOT NULL,
    -- Of the backfill's stream; a row behind the stream asks for no run.
    version            int8          NOT NULL CHECK (version > 0),
    -- Of its first event: who came first is served first.
    requested_position int8          NOT NULL CHECK (requested_position > 0),
    -- In the order they are run.
    instants           timestamptz[] NOT NULL,
    concurrency        int4          NOT NULL CHECK (concurrency > 0),
    -- So many instants from the front have a run; those of them that have not ended are in `backfill_runs`.
    requested          int4          NOT NULL CHECK (requested >= 0),
    succeeded          int4          NOT NULL CHECK (succeeded >= 0),
    failed             int4          NOT NULL CHECK (failed >= 0),
    cancelled          int4          NOT NULL CHECK (cancelled >= 0),
    cancel_requested   bool          NOT NULL,
    -- Whether every open run was told to stop. Not folded: forgotten, it is told again.
    cancels_sent       bool          NOT NULL DEFAULT false
) WITH (fillfactor = 50);

CREATE INDEX backfills_job ON scheduler.backfills (job_id);

-- Open runs of backfills.
CREATE TABLE scheduler.backfill_runs (
    run_id      uuid NOT NULL PRIMARY KEY,
    backfill_id uuid NOT NULL
) WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

CREATE INDEX backfill_runs_backfill ON scheduler.backfill_runs (backfill_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON scheduler.backfills, scheduler.backfill_runs TO orc_scheduler;
GRANT SELECT ON scheduler.backfills, scheduler.backfill_runs TO orc_auditor;

INSERT INTO log.rights (role, type) VALUES
    ('orc_scheduler', 'backfill.requested'),
    ('orc_scheduler', 'backfill.cancel_requested'),
    ('orc_scheduler', 'backfill.finished'),
    ('orc_scheduler', 'backfill.cancelled');
