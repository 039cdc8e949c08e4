-- Which files each task has loaded, of tasks that load only new ones.
CREATE TABLE IF NOT EXISTS target._orc.files (
    task_id UUID NOT NULL,
    path VARCHAR NOT NULL,
    mark VARCHAR NOT NULL,
    load_id VARCHAR NOT NULL,
    loaded_at TIMESTAMPTZ NOT NULL
)
