-- The latest attempt of a run that came to this database; older ones may not load any more.
CREATE TABLE IF NOT EXISTS _orc.fences (
    run_id uuid PRIMARY KEY,
    attempt integer NOT NULL,
    raised_at timestamptz NOT NULL DEFAULT now()
)
