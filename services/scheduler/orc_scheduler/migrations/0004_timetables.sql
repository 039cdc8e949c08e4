-- The calendar knows timetables instead of one expression, pauses that are accounted for, and failures in a row. It is
-- folded from the log, so it begins anew.
DROP TABLE scheduler.jobs;
TRUNCATE scheduler.open_runs, scheduler.backfills, scheduler.backfill_runs;
DELETE FROM scheduler.checkpoints WHERE name = 'calendar';

-- The calendar: when each job is due next. A job is here from its creation to its deletion.
CREATE TABLE scheduler.jobs (
    job_id        uuid        NOT NULL PRIMARY KEY,
    -- Of the job's stream; a row behind the stream fires nothing.
    version       int8        NOT NULL CHECK (version > 0),
    pool          text        COLLATE "C" NOT NULL,
    -- What the definition says of when, as JSON.
    timing        text        NOT NULL,
    is_active     bool        NOT NULL,
    -- The first due instant that has not ended in an event yet; NULL when none will come.
    next_due_at   timestamptz,
    -- Instants of an earlier state of the schedule that have not ended in an event yet, as JSON; NULL when there are none.
    passing       text,
    -- When the ticker is to look at the row; NULL when there is nothing to account for.
    wake_at       timestamptz CHECK ((wake_at IS NULL) = (next_due_at IS NULL AND passing IS NULL)),
    -- After so many failed runs in a row the schedule is paused; NULL: it is not.
    failures_max  int4,
    failures      int4        NOT NULL CHECK (failures >= 0),
    -- The last of them.
    failed_run_id uuid        CHECK ((failed_run_id IS NULL) = (failures = 0))
) WITH (fillfactor = 70, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX jobs_wake ON scheduler.jobs (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX jobs_broken ON scheduler.jobs (job_id) WHERE is_active AND failures >= failures_max;

GRANT SELECT, INSERT, UPDATE, DELETE ON scheduler.jobs TO orc_scheduler;
GRANT SELECT ON scheduler.jobs TO orc_auditor;
