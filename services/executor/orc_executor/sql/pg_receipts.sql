-- A row per load, written in the transaction that loaded the rows: one task of one root run loads once.
CREATE TABLE IF NOT EXISTS _orc.receipts (
    root_run_id uuid NOT NULL,
    task_id uuid NOT NULL,
    run_id uuid NOT NULL,
    attempt integer NOT NULL,
    load_id text NOT NULL,
    result text NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (root_run_id, task_id)
)
