-- The last record of a job's due instants that begins at or before a time, and the first that begins after it.
(SELECT due_at, outcome, reason, run_id, position, last_due_at, count, job_version, tzdata
 FROM ticks WHERE job_id = $1 AND due_at <= $2 ORDER BY due_at DESC, position DESC LIMIT 1)
UNION ALL
(SELECT due_at, outcome, reason, run_id, position, last_due_at, count, job_version, tzdata
 FROM ticks WHERE job_id = $1 AND due_at > $2 ORDER BY due_at, position LIMIT 1)
