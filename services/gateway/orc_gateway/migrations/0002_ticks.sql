-- Jobs show all that their definition says, runs show what ranks them, and every due instant has its place in the ledger.
-- The tables are emptied and folded again from the log, by the first gateway that knows the new columns; one that does
-- not fails to write them and goes on reading.
TRUNCATE read.jobs, read.tasks, read.runs, read.run_tasks, read.run_counts;
UPDATE read.checkpoints SET position = 0, holder = '', lease_until = '-infinity' WHERE name = 'read';

-- `terms`: the JSON of `definitions.Terms`, as text so that numbers and times stay as they were given.
ALTER TABLE read.jobs
    ADD COLUMN terms        json NOT NULL,
    ADD COLUMN pause_reason text;

ALTER TABLE read.runs
    ADD COLUMN backfill_id uuid,
    ADD COLUMN priority    int4 NOT NULL;

-- What became of the due instants of schedules: a row for each run that was requested for one, and for each span of
-- instants that were let pass. Rows outlive their job. No CHECK on the reason: what was recorded is shown.
CREATE TABLE read.ticks (
    job_id      uuid        NOT NULL,
    due_at      timestamptz NOT NULL,
    last_due_at timestamptz NOT NULL,
    count       bigint      NOT NULL CHECK (count > 0),
    outcome     text        NOT NULL CHECK (outcome IN ('requested', 'skipped')),
    reason      text,
    run_id      uuid,
    job_version bigint      NOT NULL,
    tzdata      text,
    position    bigint      NOT NULL,
    -- In the order of every question; the position keeps an instant that was recorded twice from being one.
    PRIMARY KEY (job_id, due_at, position)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON read.ticks TO orc_gateway;
GRANT SELECT ON read.ticks TO orc_auditor;
