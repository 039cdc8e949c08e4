-- What REST reads: folds of the log, which may be emptied and folded again at any time.
CREATE SCHEMA read;

CREATE TABLE read.checkpoints (
    name        text        PRIMARY KEY,
    position    bigint      NOT NULL CHECK (position >= 0),
    holder      text        NOT NULL,
    lease_until timestamptz NOT NULL
);

-- Jobs that exist; a deleted one has no row, its history is in the log and its runs stay.
CREATE TABLE read.jobs (
    job_id      uuid        NOT NULL PRIMARY KEY,
    job_name    text        NOT NULL,
    description text,
    schedule    text        NOT NULL,
    timezone    text        NOT NULL,
    pool        text        NOT NULL,
    is_active   boolean     NOT NULL,
    version     bigint      NOT NULL CHECK (version > 0),
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    -- Of `job.created`: the order of lists, since positions are unique and times are not.
    position    bigint      NOT NULL
);
CREATE UNIQUE INDEX jobs_newest ON read.jobs (position DESC);

-- `json`, not `jsonb`: a config is shown as it was given, key order and digits included.
CREATE TABLE read.tasks (
    job_id           uuid NOT NULL,
    task_order       int4 NOT NULL CHECK (task_order > 0),
    extractor_config json NOT NULL,
    loader_config    json NOT NULL,
    PRIMARY KEY (job_id, task_order)
);

CREATE TABLE read.runs (
    run_id           uuid        NOT NULL PRIMARY KEY,
    job_id           uuid        NOT NULL,
    status           text        NOT NULL CHECK (status IN ('queued', 'running', 'success', 'failed', 'cancelled')),
    triggered_by     text        NOT NULL,
    started_at       timestamptz,
    finished_at      timestamptz,
    error_message    text,
    attempt          int4        NOT NULL CHECK (attempt >= 0),
    cancel_requested boolean     NOT NULL,
    due_at           timestamptz,
    retry_of         uuid,
    retry_at         timestamptz,
    pool             text        NOT NULL,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    -- Of `run.requested`: the order of lists.
    position         bigint      NOT NULL
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX runs_newest ON read.runs (position DESC);
CREATE INDEX runs_of_job ON read.runs (job_id, position DESC);
-- Most runs end in success; the index serves the questions about the others.
CREATE INDEX runs_not_successful ON read.runs (status, position DESC) WHERE status <> 'success';

-- What became of a run's tasks: a row for each that succeeded or failed. What was to be done stands in the run's
-- first event, which never changes.
CREATE TABLE read.run_tasks (
    run_id         uuid        NOT NULL,
    task_order     int4        NOT NULL CHECK (task_order > 0),
    attempt        int4        NOT NULL CHECK (attempt > 0),
    rows           bigint,
    bytes          bigint,
    seconds        float8,
    receipt        text,
    cursor         json,
    schema_changes json,
    error_kind     text,
    error_message  text,
    finished_at    timestamptz NOT NULL,
    PRIMARY KEY (run_id, task_order)
);

-- How many runs of each job are in each state, so that the length of a list costs no scan of it.
CREATE TABLE read.run_counts (
    job_id uuid   NOT NULL,
    status text   NOT NULL,
    runs   bigint NOT NULL,
    PRIMARY KEY (job_id, status)
) WITH (fillfactor = 50);

GRANT USAGE ON SCHEMA read TO orc_gateway, orc_auditor;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA read TO orc_gateway;
GRANT SELECT ON ALL TABLES IN SCHEMA read TO orc_auditor;
