-- A row per load, written in the transaction that loaded the rows: one task of one root run loads once.
CREATE TABLE IF NOT EXISTS target._orc.receipts (
    root_run_id UUID NOT NULL,
    task_id UUID NOT NULL,
    run_id UUID NOT NULL,
    attempt INTEGER NOT NULL,
    load_id VARCHAR NOT NULL,
    "rows" BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    seconds DOUBLE NOT NULL,
    loaded_at TIMESTAMPTZ NOT NULL,
    result VARCHAR,
    PRIMARY KEY (root_run_id, task_id)
)
