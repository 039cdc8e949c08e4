-- Rows that were left out of a load: unreadable ones, and ones that a schema contract discards.
CREATE TABLE IF NOT EXISTS target._orc.quarantine (
    load_id VARCHAR NOT NULL,
    run_id UUID NOT NULL,
    task_id UUID NOT NULL,
    table_name VARCHAR NOT NULL,
    file VARCHAR,
    line BIGINT,
    reason VARCHAR,
    "row" VARCHAR,
    quarantined_at TIMESTAMP NOT NULL
)
