-- What executors remember between two events of a run, and what they may say.
CREATE SCHEMA executor;

-- Which executor still works on which attempt, by the database's clock. A run without a row here was started too
-- short a while ago to need one; a row of an attempt that is over says nothing.
CREATE TABLE executor.leases (
    run_id      uuid        NOT NULL PRIMARY KEY,
    attempt     int4        NOT NULL CHECK (attempt > 0),
    executor    text        NOT NULL CHECK (executor <> ''),
    lease_until timestamptz NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

GRANT USAGE ON SCHEMA executor TO orc_executor, orc_scheduler, orc_auditor;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA executor TO orc_executor;
GRANT SELECT ON ALL TABLES IN SCHEMA executor TO orc_scheduler, orc_auditor;

INSERT INTO log.rights (role, type) VALUES
    ('orc_executor', 'run.started'),
    ('orc_executor', 'task.succeeded'),
    ('orc_executor', 'task.failed'),
    ('orc_executor', 'run.attempt_failed'),
    ('orc_executor', 'run.succeeded'),
    ('orc_executor', 'run.failed'),
    ('orc_executor', 'run.cancelled');
