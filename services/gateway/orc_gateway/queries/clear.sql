-- Empty every table that is folded from the log, in one statement; the checkpoint is the follower's.
WITH jobs_gone AS (DELETE FROM jobs), tasks_gone AS (DELETE FROM tasks), runs_gone AS (DELETE FROM runs),
     run_tasks_gone AS (DELETE FROM run_tasks), backfills_gone AS (DELETE FROM backfills),
     ticks_gone AS (DELETE FROM ticks)
DELETE FROM run_counts
