-- What became of a job's due instants in a range, the newest first; a span that begins before the range and reaches into
-- it is a part of it. Only one can, since spans share no instant: the last that begins before.
SELECT due_at, outcome, reason, run_id, position, last_due_at, count, job_version, tzdata
FROM ticks
WHERE job_id = $1 AND due_at < $3 AND last_due_at > $2
  AND due_at >= coalesce((SELECT t.due_at FROM ticks t WHERE t.job_id = $1 AND t.due_at <= $2
                          ORDER BY t.due_at DESC LIMIT 1), '-infinity')
ORDER BY due_at DESC, position DESC LIMIT $4
