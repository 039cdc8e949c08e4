-- The newest run of a job whose task was loaded and told a cursor; a backfill's run tells none.
SELECT recent.run_id, done.cursor
FROM (SELECT run_id, position FROM runs WHERE job_id = $1 ORDER BY position DESC LIMIT $3) AS recent
JOIN run_tasks AS done ON done.run_id = recent.run_id AND done.task_order = $2
WHERE done.cursor IS NOT NULL
ORDER BY recent.position DESC LIMIT 1
