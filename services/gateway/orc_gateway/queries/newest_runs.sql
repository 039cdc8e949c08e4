-- The newest run of each of these instants of a job, whoever asked for it; instants without a run are left out.
SELECT due.at AS due_at, newest.run_id, newest.status
FROM unnest($2::timestamptz[]) AS due(at)
CROSS JOIN LATERAL (
    SELECT run_id, status FROM runs WHERE job_id = $1 AND due_at = due.at ORDER BY position DESC LIMIT 1
) AS newest
