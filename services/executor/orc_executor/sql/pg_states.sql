-- What is remembered of a task between runs.
CREATE TABLE IF NOT EXISTS _orc.states (
    task_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    state text NOT NULL,
    saved_at timestamptz NOT NULL DEFAULT now()
)
