-- What the scheduler remembers beside the log. All of it is folded from the log and can be deleted and folded again.
CREATE SCHEMA scheduler;

-- How far each follower of the scheduler has come, and who follows now.
CREATE TABLE scheduler.checkpoints (
    name        text        COLLATE "C" NOT NULL PRIMARY KEY,
    position    int8        NOT NULL CHECK (position >= 0),
    holder      text        NOT NULL,
    lease_until timestamptz NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

-- The calendar: when each job is due next. A job is here from its creation to its deletion.
CREATE TABLE scheduler.jobs (
    job_id      uuid        NOT NULL PRIMARY KEY,
    -- Of the job's stream; a row behind the stream fires nothing.
    version     int8        NOT NULL CHECK (version > 0),
    schedule    text        NOT NULL,
    timezone    text        NOT NULL,
    pool        text        COLLATE "C" NOT NULL,
    is_active   bool        NOT NULL,
    -- The first due instant that has not ended in an event yet; NULL when none will come.
    next_due_at timestamptz CHECK (is_active OR next_due_at IS NULL)
) WITH (fillfactor = 70, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX jobs_due ON scheduler.jobs (next_due_at) WHERE next_due_at IS NOT NULL;

-- Runs that have not ended; an ended run is not here.
CREATE TABLE scheduler.open_runs (
    run_id             uuid        NOT NULL PRIMARY KEY,
    job_id             uuid        NOT NULL,
    pool               text        COLLATE "C" NOT NULL,
    status             text        COLLATE "C" NOT NULL CHECK (status IN ('queued', 'running')),
    -- The attempt that owns the run, or the last one that did; 0 before the first claim.
    attempt            int4        NOT NULL CHECK (attempt >= 0),
    cancel_requested   bool        NOT NULL,
    -- Of the run's first event: what the relay must not leave out of a stream made anew.
    requested_position int8        NOT NULL CHECK (requested_position > 0),
    requested_at       timestamptz NOT NULL,
    -- Past it a run that nobody ever claimed is given up.
    queue_until        timestamptz NOT NULL,
    -- Of the attempt that owns the run; NULL while it is queued.
    claimed_at         timestamptz CHECK ((claimed_at IS NULL) = (status = 'queued')),
    -- When a work message is due, should the run still be queued then; NULL while it is running.
    send_after         timestamptz CHECK ((send_after IS NULL) = (status = 'running')),
    -- Work messages that exist for the run as it stands now, the relay's included.
    sends              int4        NOT NULL CHECK (sends >= 0)
) WITH (fillfactor = 70, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

CREATE INDEX open_runs_job ON scheduler.open_runs (job_id);
CREATE INDEX open_runs_send ON scheduler.open_runs (send_after) WHERE send_after IS NOT NULL;
CREATE INDEX open_runs_claimed ON scheduler.open_runs (claimed_at) WHERE claimed_at IS NOT NULL;
CREATE INDEX open_runs_queue ON scheduler.open_runs (queue_until) WHERE attempt = 0;
CREATE INDEX open_runs_position ON scheduler.open_runs (requested_position);

GRANT USAGE ON SCHEMA scheduler TO orc_scheduler, orc_auditor;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA scheduler TO orc_scheduler;
GRANT SELECT ON ALL TABLES IN SCHEMA scheduler TO orc_auditor;

INSERT INTO log.rights (role, type) VALUES
    ('orc_scheduler', 'job.created'),
    ('orc_scheduler', 'job.changed'),
    ('orc_scheduler', 'job.paused'),
    ('orc_scheduler', 'job.resumed'),
    ('orc_scheduler', 'job.deleted'),
    ('orc_scheduler', 'run.requested'),
    ('orc_scheduler', 'run.attempt_failed'),
    ('orc_scheduler', 'run.failed'),
    ('orc_scheduler', 'run.cancel_requested'),
    ('orc_scheduler', 'run.cancelled'),
    ('orc_scheduler', 'tick.skipped');
