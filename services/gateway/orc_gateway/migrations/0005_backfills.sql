-- Backfills, ended ones as well; how far each is follows from its runs.
CREATE TABLE read.backfills (
    backfill_id  uuid        NOT NULL PRIMARY KEY,
    job_id       uuid        NOT NULL,
    status       text        NOT NULL CHECK (status IN ('running', 'cancelling', 'finished', 'cancelled')),
    start_at     timestamptz NOT NULL,
    end_at       timestamptz NOT NULL,
    total        int4        NOT NULL CHECK (total >= 0),
    skipped      int4        NOT NULL CHECK (skipped >= 0),
    reprocess    text        NOT NULL,
    concurrency  int4        NOT NULL,
    reverse      boolean     NOT NULL,
    reason       text,
    requested_by text        NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    -- Of `backfill.requested`: the order of lists.
    position     bigint      NOT NULL
);
CREATE UNIQUE INDEX backfills_of_job ON read.backfills (job_id, position DESC);

CREATE INDEX runs_of_backfill ON read.runs (backfill_id, position DESC) WHERE backfill_id IS NOT NULL;
-- The runs of an instant, the newest first.
CREATE INDEX runs_of_instant ON read.runs (job_id, due_at, position DESC) WHERE due_at IS NOT NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON read.backfills TO orc_gateway;
GRANT SELECT ON read.backfills TO orc_auditor;
