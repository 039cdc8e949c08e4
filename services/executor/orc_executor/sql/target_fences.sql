-- The latest attempt of a run that came to this file; older ones may not load any more.
CREATE TABLE IF NOT EXISTS target._orc.fences (
    run_id UUID NOT NULL,
    attempt INTEGER NOT NULL,
    raised_at TIMESTAMPTZ NOT NULL
)
