-- Runs whose job says how many of them may be worked on at once wait here for their turn, without a work message.
TRUNCATE scheduler.open_runs, scheduler.jobs;
-- They are folded again from the log.
DELETE FROM scheduler.checkpoints WHERE name = 'calendar';

ALTER TABLE scheduler.open_runs
    -- Runs of the job that may be worked on at once; NULL for any number.
    ADD COLUMN concurrency_max int4 CHECK (concurrency_max > 0),
    -- Whether it waits for earlier runs of its job to end.
    ADD COLUMN is_held bool NOT NULL CHECK (NOT is_held OR (status = 'queued' AND concurrency_max IS NOT NULL)),
    DROP CONSTRAINT open_runs_check1,
    ADD CONSTRAINT open_runs_send_after CHECK ((send_after IS NULL) = (status = 'running' OR is_held));

DROP INDEX scheduler.open_runs_job;
-- The open runs of a job, the oldest first.
CREATE INDEX open_runs_job ON scheduler.open_runs (job_id, requested_position);
CREATE INDEX open_runs_held ON scheduler.open_runs (job_id, requested_position) WHERE is_held;
