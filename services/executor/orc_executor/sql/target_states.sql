-- Where each task goes on: a row per task, saved in the transaction that loads its rows.
CREATE TABLE IF NOT EXISTS target._orc.states (
    task_id UUID NOT NULL,
    version BIGINT NOT NULL,
    state VARCHAR NOT NULL,
    load_id VARCHAR NOT NULL,
    saved_at TIMESTAMPTZ NOT NULL
)
